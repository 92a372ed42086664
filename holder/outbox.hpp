// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/packet.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace reeve::holder {

/// Reports on their way to the daemon, in order. Sends at once what can be
/// sent and keeps the rest: until there is room in the socket, or, where the
/// kernel is out of something (descriptors in flight, memory), for a while.
/// After `max_attempts` a report goes without its descriptors, in the form
/// that says so. Only the daemon's end loses a report.
///
/// Times are those of one monotonic clock, in nanoseconds.
class outbox {
public:
  static constexpr int max_attempts = 10;
  static constexpr std::int64_t pause_ns = 100'000'000;

  enum class peer : std::uint8_t { there, gone };

  struct report {
    std::uint16_t type = 0;
    std::uint64_t id = 0;
    std::string body;
    /// The same without descriptors; unused if there are none.
    std::string bare_body;
  };

  /// `borrowed` stay the caller's.
  [[nodiscard]] peer send(int socket, report what,
                          std::span<const int> borrowed, std::int64_t now);

  /// Goes on with what is kept, if it is time.
  [[nodiscard]] peer flush(int socket, std::int64_t now);

  /// Waits for the socket to be writable, not for a time.
  [[nodiscard]] bool wants_room() const noexcept {
    return !waiting_.empty() && retry_at_ == 0;
  }

  /// When to call `flush` again whatever the socket says; 0: never.
  [[nodiscard]] std::int64_t retry_at() const noexcept {
    return retry_at_;
  }

  void clear() noexcept;

private:
  struct letter {
    report what;
    std::vector<kernel::unique_fd> fds;
  };

  void keep(report what, std::span<const int> borrowed);
  peer note_refusal(int code, std::int64_t now);
  static void strip(letter& which);

  std::deque<letter> waiting_;
  int attempts_ = 0; ///< of the first that waits
  std::int64_t retry_at_ = 0;
};

} // namespace reeve::holder
