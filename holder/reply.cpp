// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/reply.hpp"

#include "kernel-iface/packet.hpp"

#include <ctime>

namespace reeve::holder {

bool reply(int socket, std::uint16_t type, std::uint64_t id,
           std::string_view body, std::span<const int> borrowed) noexcept {
  constexpr timespec pause{0, 10'000'000};
  for (auto tries = 100; tries > 0; --tries) {
    auto sent = kernel::send_packet(socket, type, id, body, borrowed);
    if (sent)
      return true;
    if (!kernel::is_for_later(sent.error().code))
      return false;
    ::nanosleep(&pause, nullptr);
  }
  return false;
}

} // namespace reeve::holder
