// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace reeve::supervisor {

/// The newest events, numbered from 1, in bounded memory. A reader that comes
/// too late is told how many it has missed.
class event_log {
public:
  explicit event_log(std::size_t capacity = 16'384) : capacity_(capacity) {}

  /// Gives the event its number.
  void add(event what);

  [[nodiscard]] event_batch after(std::uint64_t seq, std::size_t max) const;

  [[nodiscard]] std::uint64_t last() const {
    return last_;
  }

private:
  std::size_t capacity_;
  std::uint64_t last_ = 0;
  std::deque<event> events_;
};

} // namespace reeve::supervisor
