// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/packet.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace reeve::holder {

/// What connects a helper that serves one order after the other with its
/// daemon.
class daemon_link {
public:
  /// Borrows the socket.
  explicit daemon_link(int socket) noexcept : socket_(socket) {}

  [[nodiscard]] int socket() const noexcept {
    return socket_;
  }

  /// Waits a second for room or memory. If that is not enough, or nobody is
  /// there, the link is lost, so that nobody waits for the answer.
  void answer(std::uint16_t type, std::uint64_t id, std::string_view body,
              std::span<const int> borrowed = {});

  [[nodiscard]] bool is_lost() const noexcept {
    return is_lost_;
  }

  /// Until the daemon ends, whatever it has ordered by then: 0. Or until the
  /// link is lost: 1. `on_failure` is told why an order could not be read.
  [[nodiscard]] int
  serve(const std::function<void(kernel::packet&)>& on_order,
        const std::function<void(const kernel::sys_error&)>& on_failure);

private:
  int socket_;
  bool is_lost_ = false;
};

} // namespace reeve::holder
