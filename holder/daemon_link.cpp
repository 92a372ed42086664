// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/daemon_link.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

namespace reeve::holder {

void daemon_link::answer(std::uint16_t type, std::uint64_t id,
                         std::string_view body, std::span<const int> borrowed) {
  constexpr timespec pause{0, 10'000'000};
  for (auto tries = 100; tries > 0; --tries) {
    auto sent = kernel::send_packet(socket_, type, id, body, borrowed);
    if (sent)
      return;
    if (!kernel::is_for_later(sent.error().code))
      break;
    ::nanosleep(&pause, nullptr);
  }
  is_lost_ = true;
}

int daemon_link::serve(
    const std::function<void(kernel::packet&)>& on_order,
    const std::function<void(const kernel::sys_error&)>& on_failure) {
  while (!is_lost_) {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR)
      return 1;
    if ((wait.revents & POLLHUP) != 0)
      return 0; // nobody wants the rest, and the next daemon may clear it away
    kernel::packet in;
    auto got = kernel::receive_packet(socket_, in);
    if (!got)
      on_failure(got.error());
    else if (*got == kernel::reception::closed)
      return 0;
    else if (*got == kernel::reception::packet)
      on_order(in);
  }
  return 1;
}

} // namespace reeve::holder
