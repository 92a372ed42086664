// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>

namespace reeve::config {

/// When an ended process is started again, as in OTP: `permanent` always,
/// `transient` after an abnormal end, `temporary` never.
enum class restart_type : std::uint8_t { permanent, transient, temporary };

/// How often and how fast a process is started again.
struct restart_policy {
  restart_type type = restart_type::temporary;
  /// At most so many restarts in any `window`; one more gives up.
  unsigned max_restarts = 5;
  std::chrono::milliseconds window = std::chrono::seconds{60};
  /// The first restart after health is immediate; the later ones wait from
  /// `backoff_min` to `backoff_max`, growing by `backoff_factor`.
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max = std::chrono::seconds{30};
  double backoff_factor = 2;
  /// Share of a delay by which it is spread at random, 0 to 1.
  double jitter = 0.1;
  /// A run of at least this length counts as healthy.
  std::chrono::milliseconds reset_after = std::chrono::seconds{60};

  bool operator==(const restart_policy&) const = default;
};

} // namespace reeve::config
