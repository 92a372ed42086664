// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/process_spec.hpp"
#include "supervisor/restart_policy.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace reeve::supervisor {

/// What the daemon knows of a process beside its spec. PID 1 keeps both with
/// each run, without looking at them, for the daemon that adopts it: so limits
/// and pauses of restarts outlive a daemon.
struct run_notes {
  std::uint64_t command = 0;  ///< that ran it first; 0: it had no number
  std::uint32_t restarts = 0; ///< in all
  restart_snapshot tracker;
  bool ready = false;     ///< it has told so
  bool stands_by = false; ///< it is stopped to be started in its turn

  bool operator==(const run_notes&) const = default;
};

/// Restarts that are kept at most, the newest ones: those of more in a window
/// are forgotten with the daemon.
inline constexpr std::size_t most_restarts_noted = 256;

[[nodiscard]] std::string to_text(const config::process_spec& spec,
                                  const run_notes& notes);

/// A tracker's, of this boot of the host.
[[nodiscard]] std::string to_text(const restart_snapshot& tracker);
[[nodiscard]] restart_snapshot
parse_restart_snapshot(const std::string& text); ///< empty if it is none

struct noted_run {
  config::process_spec spec;
  run_notes notes;
};

/// Nothing if the text makes no sense. The spec has been validated.
[[nodiscard]] std::optional<noted_run> parse_noted_run(const std::string& text);

} // namespace reeve::supervisor
