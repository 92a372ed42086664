// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/output_stream.hpp"

#include "kernel-iface/unix_time.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace reeve::actors {

using kernel::output_spool;
using kernel::unique_fd;

std::shared_ptr<output_stream>
output_stream::make(poller& watch, output_spool spool, without_room then,
                    std::function<void()> on_news) {
  return std::shared_ptr<output_stream>(
      new output_stream(watch, std::move(spool), then, std::move(on_news)));
}

output_stream::output_stream(poller& watch, output_spool spool,
                             without_room then, std::function<void()> on_news)
    : poller_(watch),
      spool_(std::move(spool)),
      then_(then),
      on_news_(std::move(on_news)) {}

output_stream::~output_stream() {
  disconnect();
}

kernel::result<void> output_stream::connect(unique_fd source) {
  auto flags = ::fcntl(source.get(), F_GETFL);
  if (flags < 0 || ::fcntl(source.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return kernel::last_error("make an output pipe non-blocking");
  auto finished = finish();
  for (auto tries = 2; !finished && tries > 0; --tries)
    finished = finish();
  if (!finished) {
    drop_rest();
    disconnect();
  }
  std::lock_guard guard{mutex_};
  source_ = std::move(source);
  resting_ = false;
  blocked_.reset();
  auto token = poller_.watch(source_.get(), EPOLLIN,
                             [weak = weak_from_this()](std::uint32_t) {
                               if (auto self = weak.lock())
                                 self->on_ready();
                             });
  if (!token) {
    source_.reset();
    return tl::make_unexpected(std::move(token.error()));
  }
  token_ = *token;
  return {};
}

void output_stream::hold_at(std::uint64_t offset) {
  std::lock_guard guard{mutex_};
  hold_ = offset;
  if (resting_ && !blocked_ && source_ && spool_.end() < hold_) {
    resting_ = false;
    poller_.rearm(token_, source_.get(), EPOLLIN);
  }
}

void output_stream::want_news() {
  news_wanted_ = true;
}

bool output_stream::is_open() const {
  std::lock_guard guard{mutex_};
  return static_cast<bool>(source_);
}

bool output_stream::has_more() const {
  std::lock_guard guard{mutex_};
  auto count = 0;
  return source_ && ::ioctl(source_.get(), FIONREAD, &count) == 0 && count > 0;
}

std::optional<kernel::sys_error> output_stream::blocked() const {
  std::lock_guard guard{mutex_};
  return blocked_;
}

void output_stream::retry() {
  std::lock_guard guard{mutex_};
  if (!source_ || !blocked_)
    return;
  blocked_.reset();
  resting_ = false;
  poller_.rearm(token_, source_.get(), EPOLLIN);
}

kernel::result<void> output_stream::finish() {
  if (auto ok = take_rest(); !ok)
    return ok;
  disconnect();
  return {};
}

void output_stream::disconnect() {
  std::lock_guard guard{mutex_};
  blocked_.reset();
  if (!source_)
    return;
  poller_.unwatch(token_, source_.get());
  source_.reset();
}

void output_stream::on_ready() {
  auto is_news = false;
  {
    std::lock_guard guard{mutex_};
    if (!source_)
      return;
    auto now = kernel::unix_ms();
    // A bound, so that one busy writer cannot keep the others waiting.
    auto ended = false;
    auto empty = false;
    for (auto round = 0; round < 16 && !ended && !empty; ++round) {
      auto end = spool_.end();
      if (end >= hold_) {
        resting_ = true;
        break;
      }
      auto moved = spool_.append_from(
          source_.get(), std::min<std::uint64_t>(64 * 1024, hold_ - end), now);
      if (!moved && waits_for(moved.error())) {
        blocked_ = std::move(moved.error());
        resting_ = is_news = true;
        break;
      }
      if (!moved)
        discard();
      else if (*moved == output_spool::progress::ended)
        ended = true;
      else if (*moved == output_spool::progress::empty)
        empty = true;
    }
    if (ended) {
      poller_.unwatch(token_, source_.get());
      source_.reset();
    } else if (!resting_) {
      poller_.rearm(token_, source_.get(), EPOLLIN);
    }
  }
  if (news_wanted_.exchange(false) || is_news)
    on_news_();
}

bool output_stream::waits_for(const kernel::sys_error& why) const {
  auto is_ours = why.code == ENOMEM || why.code == EMFILE || why.code == ENFILE;
  return then_ == without_room::wait || is_ours;
}

kernel::result<void> output_stream::take_rest() {
  using progress = output_spool::progress;
  auto now = kernel::unix_ms();
  {
    std::lock_guard guard{mutex_};
    if (!source_)
      return {};
    auto moved = kernel::result<progress>{progress::moved};
    for (auto round = 0; round < 32 && moved && *moved == progress::moved;
         ++round)
      moved = spool_.append_from(source_.get(), 64 * 1024, now);
    if (moved)
      return {};
    if (waits_for(moved.error()))
      return tl::make_unexpected(std::move(moved.error()));
  }
  drop_rest();
  return {};
}

void output_stream::drop_rest() {
  std::lock_guard guard{mutex_};
  auto left = 0;
  if (source_ && ::ioctl(source_.get(), FIONREAD, &left) == 0)
    dropped_ += static_cast<std::uint64_t>(left) + spool_.drop_unwritten();
}

// Under the lock. Counted, so that the loss is shown.
void output_stream::discard() {
  dropped_ += spool_.drop_unwritten();
  std::array<char, 16384> waste{};
  auto n = ::read(source_.get(), waste.data(), waste.size());
  if (n > 0)
    dropped_ += static_cast<std::uint64_t>(n);
}

} // namespace reeve::actors
