// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/helper_process.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/packet.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/leak_guard.hpp"

#include <sys/types.h>

#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace reeve::tests {

/// A real PID 1 in a container of its own, without a daemon: the test speaks
/// the protocol itself and can be as clumsy as it likes. No control groups.
class bare_holder {
public:
  explicit bare_holder(const std::filesystem::path& image);
  bare_holder(const bare_holder&) = delete;
  bare_holder& operator=(const bare_holder&) = delete;
  ~bare_holder();

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  template <class Order>
  void send(const Order& what, std::uint64_t id = 0,
            std::span<const int> fds = {}) {
    send_raw(static_cast<std::uint16_t>(Order::type),
             kernel::wire::encode(what), id, fds);
  }

  /// The next report that comes, waited for.
  [[nodiscard]] kernel::packet next();

  [[nodiscard]] bool has_report() const;

  /// Skips what comes before one of this type.
  template <class Report>
  Report next_of(kernel::packet* whole = nullptr) {
    for (;;) {
      auto in = next();
      if (in.type != static_cast<std::uint16_t>(Report::type))
        continue;
      Report out;
      check(kernel::wire::decode(in.body, out));
      if (whole != nullptr)
        *whole = std::move(in);
      return out;
    }
  }

  /// What it knows, as it tells a daemon that has just connected.
  [[nodiscard]] std::vector<kernel::holder::process_state_report> greeting();

  void hang_up();
  void reconnect();

  void limit_descriptors(std::uint64_t limit) const {
    tests::limit_descriptors(pid_, limit);
  }

  /// Its children that still are what it forked.
  [[nodiscard]] std::vector<pid_t> newborns() const;

  /// An order with sensible members.
  [[nodiscard]] static kernel::holder::spawn_order
  order(std::uint64_t process, std::vector<std::string> argv);

private:
  static void check(bool ok);
  void send_raw(std::uint16_t type, const std::string& body, std::uint64_t id,
                std::span<const int> fds);
  void give_root(const std::filesystem::path& image, int limits_socket);

  leak_guard guard_;
  std::filesystem::path upper_;
  kernel::unique_fd socket_;
  kernel::unique_fd pidfd_;
  pid_t pid_ = -1;
};

} // namespace reeve::tests
