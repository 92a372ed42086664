// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

enum class end_cause : std::uint8_t {
  exit,         ///< by itself, with a code
  signal,       ///< by a signal that Reeve did not send
  oom,          ///< by the kernel, for want of memory
  start_failed, ///< it never ran
};

/// Some of the ends that a process may come to. As text: "exit" (with any
/// code), "exit:64", "exit:1-63", "signal", "signal:SIGSEGV", "oom",
/// "start_failed".
struct end_pattern {
  end_cause cause = end_cause::exit;
  /// Of codes or signals, both included; the whole range of them: any.
  int first = 0;
  int last = 255;

  bool operator==(const end_pattern&) const = default;
};

[[nodiscard]] result<end_pattern> parse_end_pattern(std::string_view text);

[[nodiscard]] std::string to_text(const end_pattern& pattern);

/// What is different after some ends.
struct restart_rule {
  std::vector<end_pattern> on;
  /// Whether such an end is followed by a restart; absent: as the type says.
  std::optional<bool> restart;
  /// More restarts than this after such ends within the policy's window, and
  /// the supervisor gives up; absent: only the policy's own limit counts.
  std::optional<unsigned> max_restarts;

  bool operator==(const restart_rule&) const = default;
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

  /// The first one that has the end of a process among its own counts.
  std::vector<restart_rule> rules;

  bool operator==(const restart_policy&) const = default;
};

} // namespace reeve::config
