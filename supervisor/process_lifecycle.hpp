// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/restart_policy.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The life of one user process, from its definition to its removal:
///
///     created ──start──▶ starting ──started──▶ running ──stop──▶ stopping
///        exited ──start──▶  ▲                     │                 │
///       gave_up ──start──▶  │                   ended             ended
///                           │                     ▼                 ▼
///                      backing_off ◀── restart ── ? ── no more ──▶ exited
///                                                 └─ too often ──▶ gave_up
///
/// One that needs others, or whose group is started again as a whole, is
/// `waiting` before each `starting` until its container says that it is its
/// turn. Standing by is a stop that leads there, too.
///
/// One that tells when it is ready is killed if it does not in time, and has
/// then failed to start. Its health counts from there.
///
/// `stopping` climbs a ladder: stop signal, grace, SIGKILL to the process
/// group, `kill_deadline`, then `held`: the kernel does not let go of it.
///
/// A start that is not answered in time is killed and waited for in the same
/// way, in `starting`: until its end is known, the program may still come up,
/// and a second one must not run beside it. While the container is paused
/// nothing is started: a child would join the frozen group and never execute.
///
/// `step` is pure; the caller carries the effects out in their order.
namespace reeve::supervisor {

/// How long a SIGKILL may take before the process counts as held.
inline constexpr std::chrono::milliseconds kill_deadline{5000};

enum class process_phase : std::uint8_t {
  created,
  starting,
  running,
  stopping,
  backing_off,
  exited,
  gave_up,
  held,
  removed, ///< terminal
  waiting, ///< for its turn to be started
};

[[nodiscard]] std::string_view name_of(process_phase phase);

/// Something of it may exist in the kernel, or soon will again.
[[nodiscard]] bool is_live(process_phase phase);

/// What its spec and its container's say, once for all.
struct process_rules {
  bool takes_turns = false; ///< is started only when it is told
  /// How long a start by hand waits for that; absent: without end.
  std::optional<std::chrono::milliseconds> turn_timeout;
  /// Absent: it is ready as soon as it runs.
  std::optional<std::chrono::milliseconds> ready_timeout;

  bool operator==(const process_rules&) const = default;
};

struct process_state {
  process_phase phase = process_phase::created;
  process_rules rules;
  exit_reason last; ///< of the latest end; meaningful from the first one on
  /// Counts the spawns. The holder repeats its reports until they are
  /// acknowledged, so one may arrive when its process has a successor.
  std::uint64_t run = 0;
  /// At most one timer is live: the last one armed. There is no cancelling; a
  /// timer that fires late has an old number and does nothing.
  std::uint64_t timer = 0;
  std::uint64_t turn = 0;   ///< counts the times that it waited for its turn
  bool kill_sent = false;   ///< top rung of `stopping`
  int stop_signal = 0;      ///< while `stopping`
  time_point stop_deadline; ///< end of the grace, while `stopping`
  /// `starting`: not answered in time; `running`: not ready in time. Killed,
  /// its end awaited.
  bool overdue = false;
  bool ready = false;     ///< this run of it
  bool stands_by = false; ///< `stopping`: to be started in its turn
  bool suspended = false; ///< the container is paused: no start now
  /// `backing_off`, `waiting`: to be started when it resumes.
  bool is_due = false;
  restart_tracker restarts;

  bool operator==(const process_state&) const = default;
};

/// What may happen to a process.
namespace process_event {
/// A start by hand forgets earlier failures. A rebuild of the container does
/// not: its own tracker limits it.
enum class start_cause : std::uint8_t { by_hand, rebuild };
struct start_requested {
  start_cause cause = start_cause::by_hand;
};
struct started {
  std::uint64_t run;
};
/// Neither started nor failed within its deadline.
struct start_timed_out {
  std::uint64_t run;
};
/// Also for a start that failed (reason `start_failed`).
struct ended {
  std::uint64_t run;
  exit_reason reason;
};
/// Legal in every phase. A repeat may shorten the grace, never extend it.
struct stop_requested {
  int signal;
  std::chrono::milliseconds grace;
};
/// Its group is started again: it stops, and waits for its turn.
struct stand_by_requested {
  int signal;
  std::chrono::milliseconds grace;
};
/// Those that it waits for are there, or will not be. `turn` says which time
/// of waiting is meant.
struct turn_came {
  std::uint64_t turn;
};
struct turn_refused {
  std::uint64_t turn;
};
/// It has told that it is ready.
struct became_ready {
  std::uint64_t run;
};
struct timer_fired {
  std::uint64_t timer;
};
/// The kernel has killed every process of the pid namespace with it.
struct holder_lost {};
/// The container is about to be frozen, or thawed again.
struct suspended {};
struct resumed {};
/// What a new actor found in the kernel. The kernel is right.
struct found_starting {
  std::uint64_t run;
};
struct found_running {
  std::uint64_t run;
  time_point since;
  bool ready = false;
};
struct found_ended {
  std::uint64_t run;
  exit_reason reason;
  bool stood_by = false; ///< it had been told to
};
struct remove_requested {};

using any =
    std::variant<start_requested, started, start_timed_out, ended,
                 stop_requested, stand_by_requested, turn_came, turn_refused,
                 became_ready, timer_fired, holder_lost, suspended, resumed,
                 found_starting, found_running, found_ended, remove_requested>;
} // namespace process_event

/// What the caller is to do about it.
namespace process_effect {
struct spawn {
  std::uint64_t run;
  bool operator==(const spawn&) const = default;
};
enum class target : std::uint8_t { process, group };
struct send_signal {
  std::uint64_t run;
  int signal;
  target to;
  bool operator==(const send_signal&) const = default;
};
enum class timer_use : std::uint8_t { grace, kill, backoff, turn, ready };
struct arm_timer {
  std::uint64_t timer;
  timer_use use;
  std::chrono::milliseconds delay;
  bool operator==(const arm_timer&) const = default;
};
/// One end, once. The phase after the step says whether it was the last.
struct report_exit {
  exit_reason reason;
  bool operator==(const report_exit&) const = default;
};
/// Of a process that tells it.
struct report_ready {
  bool operator==(const report_ready&) const = default;
};
struct report_held {
  bool operator==(const report_held&) const = default;
};
struct forget {
  bool operator==(const forget&) const = default;
};

using any = std::variant<spawn, send_signal, arm_timer, report_exit,
                         report_ready, report_held, forget>;
} // namespace process_effect

/// A request that does not fit the phase. The state is unchanged.
struct process_refusal {
  enum class request : std::uint8_t { start, remove };
  request asked = request::start;
  process_phase phase = process_phase::created;

  bool operator==(const process_refusal&) const = default;
};

/// "process 'web' is running: stop it first".
[[nodiscard]] std::string explain(const process_refusal& refusal,
                                  std::string_view process);

struct process_transition {
  process_state next;
  std::vector<process_effect::any> effects;
  std::optional<process_refusal> refused;
};

/// Defined for every phase and event; what cannot matter any more changes
/// nothing.
[[nodiscard]] process_transition
step(process_state state, const process_event::any& event, moment at);

} // namespace reeve::supervisor
