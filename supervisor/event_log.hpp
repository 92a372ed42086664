// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unix_time.hpp"
#include "supervisor/api.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace reeve::supervisor {

/// The newest events, in bounded memory. A reader that comes too late is told
/// how many it has missed. Their numbers grow from one daemon to the next, so
/// that a reader who goes on from one of an earlier daemon misses none in
/// silence: those that only that one knew are a gap, counted as one.
class event_log {
public:
  explicit event_log(std::size_t capacity = 16'384,
                     std::uint64_t first = first_of(kernel::unix_ms()))
      : capacity_(capacity),
        base_(first - 1),
        last_(base_) {}

  /// Beyond what a daemon that began before can have given out, and exact as a
  /// number of JSON (2^53).
  [[nodiscard]] static constexpr std::uint64_t first_of(std::int64_t now_ms) {
    constexpr std::uint64_t events_per_ms = 1000;
    return static_cast<std::uint64_t>(now_ms) * events_per_ms + 1;
  }

  /// Gives the event its number.
  void add(event what);

  [[nodiscard]] event_batch after(std::uint64_t seq, std::size_t max) const;

  [[nodiscard]] std::uint64_t last() const {
    return last_;
  }

private:
  std::size_t capacity_;
  std::uint64_t base_; ///< below the first number of this daemon
  std::uint64_t last_;
  std::deque<event> events_;
};

} // namespace reeve::supervisor
