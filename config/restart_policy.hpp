// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>

namespace reeve::config {

/// When an ended process is started again, as OTP's supervisors have it.
enum class restart_type : std::uint8_t {
  /// After every end.
  permanent,
  /// After an abnormal end: a signal, or an exit code other than 0.
  transient,
  /// Never.
  temporary,
};

/// How a process is started again: how often before giving up, and after what
/// pause.
struct restart_policy {
  restart_type type = restart_type::temporary;

  /// More restarts than this within `window`, and the supervisor gives up.
  unsigned max_restarts = 5;
  std::chrono::milliseconds window{60'000};

  /// The pause before a restart grows from min to max by `backoff_factor`.
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{30'000};
  double backoff_factor = 2;
  /// Fraction of the pause, 0..1, that is added or taken at random.
  double jitter = 0.1;
  /// A process that ran this long starts again from `backoff_min`.
  std::chrono::milliseconds reset_after{60'000};

  bool operator==(const restart_policy&) const = default;
};

} // namespace reeve::config
