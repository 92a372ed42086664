// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/outbox.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace reeve::holder {

namespace {

bool is_end_of_peer(int code) {
  return code == EPIPE || code == ECONNRESET || code == ENOTCONN;
}

} // namespace

outbox::peer outbox::send(int socket, report what,
                          std::span<const int> borrowed, std::int64_t now) {
  if (!waiting_.empty()) {
    keep(std::move(what), borrowed);
    return peer::there;
  }
  auto sent =
      kernel::send_packet(socket, what.type, what.id, what.body, borrowed);
  if (sent)
    return peer::there;
  keep(std::move(what), borrowed);
  return note_refusal(sent.error().code, now);
}

outbox::peer outbox::flush(int socket, std::int64_t now) {
  if (retry_at_ > now)
    return peer::there;
  retry_at_ = 0;
  while (!waiting_.empty() && retry_at_ == 0) {
    auto& next = waiting_.front();
    std::vector<int> fds;
    for (const auto& fd : next.fds)
      fds.push_back(fd.get());
    auto sent = kernel::send_packet(socket, next.what.type, next.what.id,
                                    next.what.body, fds);
    if (!sent && sent.error().code == EAGAIN)
      return peer::there;
    if (!sent) {
      if (note_refusal(sent.error().code, now) == peer::gone)
        return peer::gone;
      continue;
    }
    attempts_ = 0;
    waiting_.pop_front();
  }
  return peer::there;
}

void outbox::clear() noexcept {
  waiting_.clear();
  attempts_ = 0;
  retry_at_ = 0;
}

// Copies, since the caller may close his; if there is no room for them the
// daemon is told so.
void outbox::keep(report what, std::span<const int> borrowed) {
  auto& added = waiting_.emplace_back(letter{std::move(what), {}});
  for (auto fd : borrowed) {
    auto copy = kernel::unique_fd::adopt(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy)
      return strip(added);
    added.fds.push_back(std::move(copy));
  }
}

outbox::peer outbox::note_refusal(int code, std::int64_t now) {
  if (is_end_of_peer(code))
    return peer::gone;
  if (code == EAGAIN)
    return peer::there;
  if (++attempts_ >= max_attempts && !waiting_.front().fds.empty())
    strip(waiting_.front());
  retry_at_ = now + pause_ns;
  return peer::there;
}

void outbox::strip(letter& which) {
  which.fds.clear();
  which.what.body = which.what.bare_body;
}

} // namespace reeve::holder
