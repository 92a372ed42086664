// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reeve::supervisor {

/// Why a process is not running any more. The set is closed.
enum class exit_kind : std::uint8_t {
  exited,       ///< by itself, with `code`
  signaled,     ///< by `signal`, sent by anyone but us
  oom,          ///< by the kernel, for want of memory; see `limit`
  start_failed, ///< never ran: `step` failed with `error`
  stopped,      ///< because it was asked to; the other fields say how
  gave_up,      ///< too many restarts; the other fields tell the last end
  lost,         ///< its holder died or nobody saw the end
};

/// Whose memory limit was hit; `none` for every end that is not an oom kill.
enum class oom_limit : std::uint8_t { none, own, ancestor, host, unknown };

/// What a start was doing when it failed.
enum class start_step : std::uint8_t {
  none,
  order, ///< the order did not reach the holder, or it did not answer
  fork,
  cgroup,
  streams,
  credentials,
  directory,
  exec,
  needs, ///< a process that it is to come after was not there
  ready, ///< it ran, and did not tell in time that it was ready
};

/// Plain data that travels in messages and JSON. `stopped` and `gave_up` keep
/// the fields of the end they stand for, so nothing is lost by renaming it.
struct exit_reason {
  exit_kind kind = exit_kind::lost;
  int code = 0;
  int signal = 0;
  bool core_dumped = false;
  oom_limit limit = oom_limit::none;
  start_step step = start_step::none;
  int error = 0; ///< an errno value

  [[nodiscard]] static exit_reason exited(int code);
  [[nodiscard]] static exit_reason signaled(int signal, bool core_dumped);
  [[nodiscard]] static exit_reason oom(oom_limit whose);
  [[nodiscard]] static exit_reason start_failed(start_step step, int error);
  [[nodiscard]] static exit_reason stopped(exit_reason how = exited(0));
  [[nodiscard]] static exit_reason gave_up(exit_reason last);
  [[nodiscard]] static exit_reason lost();

  bool operator==(const exit_reason&) const = default;
};

/// Exited with 0, or stopped because it was asked to: what a `transient`
/// process is not started again after. Giving up is never normal.
[[nodiscard]] bool is_normal(const exit_reason& reason);

/// Status for a shell: the code, 128 + signal, 127 for a program that was not
/// found, 126 for one that cannot be executed, 125 for what is not the doing
/// of the program: another step of the start, a lost process, or giving up on
/// one that always ended with 0.
[[nodiscard]] int shell_status(const exit_reason& reason);

/// For people: "exited 1", "killed by SIGSEGV (core dumped)".
[[nodiscard]] std::string to_string(const exit_reason& reason);

/// Stable snake_case names for JSON.
[[nodiscard]] std::string_view name_of(exit_kind kind);
[[nodiscard]] std::string_view name_of(oom_limit limit);
[[nodiscard]] std::string_view name_of(start_step step);

} // namespace reeve::supervisor
