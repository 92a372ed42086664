// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/packet_channel.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace reeve::actors {

using kernel::packet;
using kernel::unique_fd;

bool is_gone(const kernel::sys_error& err) {
  return err.code == EPIPE || err.code == ECONNRESET;
}

std::shared_ptr<packet_channel> packet_channel::make(poller& watch,
                                                     unique_fd socket) {
  return std::shared_ptr<packet_channel>(
      new packet_channel(watch, std::move(socket)));
}

packet_channel::packet_channel(poller& watch, unique_fd socket)
    : poller_(watch),
      socket_(std::move(socket)) {}

packet_channel::~packet_channel() {
  close();
}

kernel::result<void> packet_channel::start(handlers to) {
  std::lock_guard guard{mutex_};
  handlers_ = std::make_shared<const handlers>(std::move(to));
  auto token = poller_.watch(socket_.get(), EPOLLIN,
                             [weak = weak_from_this()](std::uint32_t ready) {
                               if (auto self = weak.lock())
                                 self->on_ready(ready);
                             });
  if (!token)
    return tl::make_unexpected(std::move(token.error()));
  token_ = *token;
  return {};
}

void packet_channel::close() {
  std::shared_ptr<const handlers> dropped; // what they hold goes unlocked
  std::lock_guard guard{mutex_};
  dropped.swap(handlers_);
  if (!socket_)
    return;
  if (token_ != 0)
    poller_.unwatch(token_, socket_.get());
  socket_.reset();
  waiting_.clear();
}

kernel::result<void> packet_channel::send_raw(std::uint16_t type,
                                              std::uint64_t id,
                                              std::string body,
                                              std::span<const int> borrowed) {
  std::lock_guard guard{mutex_};
  if (!socket_)
    return kernel::make_error(EPIPE, "send to a helper process", {},
                              "it has gone");
  if (waiting_.empty()) {
    auto sent = kernel::send_packet(socket_.get(), type, id, body, borrowed);
    if (sent || !kernel::is_for_later(sent.error().code))
      return sent;
  }
  if (waiting_.size() >= max_waiting)
    return kernel::make_error(ENOBUFS, "send to a helper process", {},
                              "it does not read its orders");
  packet later{type, id, std::move(body), {}};
  for (auto fd : borrowed) {
    later.fds.push_back(unique_fd::adopt(::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
    if (!later.fds.back())
      return kernel::last_error("keep a descriptor for a helper process");
  }
  waiting_.push_back(std::move(later));
  watch_for(false);
  return {};
}

// Under the lock: false if the rest has to wait for the peer. A packet that
// cannot be sent at all must not keep those behind it.
bool packet_channel::flush(std::vector<refusal>& refused) {
  while (!waiting_.empty()) {
    auto& next = waiting_.front();
    std::vector<int> fds;
    for (const auto& fd : next.fds)
      fds.push_back(fd.get());
    auto sent =
        kernel::send_packet(socket_.get(), next.type, next.id, next.body, fds);
    if (!sent && kernel::is_for_later(sent.error().code))
      return false;
    if (!sent && is_gone(sent.error()))
      waiting_.clear(); // a dead peer shows on reading
    else if (!sent)
      refused.push_back({next.id, std::move(sent.error())});
    if (!waiting_.empty())
      waiting_.pop_front();
  }
  return true;
}

// Under the lock. A channel that rests with nothing to send is not watched at
// all: the end of the peer would be reported again and again.
void packet_channel::watch_for(bool all_sent) {
  auto events = (rests_ ? 0U : EPOLLIN) | (all_sent ? 0U : EPOLLOUT);
  if (events != 0)
    poller_.rearm(token_, socket_.get(), events);
}

// Half of them at a time: each look at the socket costs a call.
void packet_channel::let_go() {
  std::lock_guard guard{mutex_};
  --in_hand_;
  if (!socket_ || !rests_ || in_hand_ > max_in_hand / 2)
    return;
  rests_ = false;
  watch_for(waiting_.empty());
}

void packet_channel::on_ready(std::uint32_t ready) {
  if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    read_all();
  std::vector<refusal> refused;
  std::shared_ptr<const handlers> to;
  {
    std::lock_guard guard{mutex_};
    if (!socket_)
      return;
    auto all_sent = flush(refused);
    rests_ = in_hand_ >= max_in_hand;
    watch_for(all_sent);
    to = handlers_;
  }
  for (auto& item : refused)
    if (to->on_unsent)
      to->on_unsent(item.id, std::move(item.reason));
}

void packet_channel::read_all() {
  // A bound, so that one peer's flood cannot starve the others that share the
  // poller; what is left makes the descriptor ready again.
  for (auto i = 0; i < 64; ++i) {
    packet in;
    kernel::result<kernel::reception> got;
    std::shared_ptr<const handlers> to;
    {
      // The lock keeps the descriptor open during the call only: a callback
      // may close the channel.
      std::lock_guard guard{mutex_};
      if (!socket_ || in_hand_ >= max_in_hand)
        return;
      got = kernel::receive_packet(socket_.get(), in);
      if (got && *got == kernel::reception::packet)
        ++in_hand_;
      to = handlers_;
    }
    if (!got)
      return fail(std::move(got.error()));
    switch (*got) {
    case kernel::reception::packet:
      to->on_packet({new packet{std::move(in)},
                     [weak = weak_from_this()](const packet* handled) {
                       delete handled;
                       if (auto self = weak.lock())
                         self->let_go();
                     }});
      break;
    case kernel::reception::empty:
      return;
    case kernel::reception::closed:
      return fail({EPIPE, "talk to a helper process", {}, "it has gone"});
    }
  }
}

void packet_channel::fail(kernel::sys_error err) {
  std::shared_ptr<const handlers> to;
  {
    std::lock_guard guard{mutex_};
    to = handlers_;
  }
  close();
  if (to) // else the owner has closed meanwhile
    to->on_closed(std::move(err));
}

} // namespace reeve::actors
