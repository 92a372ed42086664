// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/daemon_config.hpp"
#include "config/supervision_policy.hpp"
#include "supervisor/process_lifecycle.hpp"

#include <bitset>
#include <cstddef>

/// The life of one container.
///
/// A container is a stack of layers. Going up makes them in order, going down
/// undoes them in reverse and goes on after a failure; the errors are kept.
/// One piece of work is under way at a time. A change of plan (a stop while
/// creating, the death of the holder while pausing) waits for its answer or
/// its deadline and then turns round; so every phase but the resting ones is
/// just a direction, and teardown is the same from everywhere.
///
///     creating ─up─▶ running ◀─▶ pausing ─▶ paused
///        ▲              │ holder died
///      start        rebuilding: down, back-off, up
///        │
///     stopped | gave_up | failed ◀─down─ stopping
///                                   destroying ─down─▶ destroyed
///
/// A process that has given up, or too many restarts of all of them together,
/// are answered by the container's policy: it goes on, it is built again, or it
/// gives up, too, and then the warden has a policy for that. So does one whose
/// rebuilds were too many.
///
/// What is nested in a container is a layer on top of its processes: it goes
/// down before them, and for good with the container, whatever the reason is.
/// Each of those has deadlines of its own, and so this has none.
///
/// What the kernel does not let go of within its deadline makes the container
/// `held`: its name is free, and its removal is tried again with a growing
/// pause until the kernel does. Then it is what it was to become.
///
/// A container that was never up, or that is not to outlive its end, goes on
/// from `stopped` and `failed` to `destroying` by itself. A destroying that
/// fails is tried again with the same pauses.
namespace reeve::supervisor {

enum class container_phase : std::uint8_t {
  creating,
  running, ///< it exists; it may have no process
  pausing,
  paused,
  stopping,
  stopped,
  rebuilding,
  failed, ///< could not be made, or torn down without an error left
  held,
  destroying,
  destroyed, ///< terminal
  gave_up,   ///< too many restarts or rebuilds; never the same as stopped
};

[[nodiscard]] std::string_view name_of(container_phase phase);

/// From the bottom up. The freezer is the topmost one: being undone first, it
/// lets processes hear their stop signal.
enum class layer : std::uint8_t {
  cgroup,
  holder,
  file_system,
  configure,
  processes,
  nested,
  freezer,
};
inline constexpr std::size_t layer_count = 7;

[[nodiscard]] std::string_view name_of(layer of);

/// Undoing a layer that is not there, or only half, must succeed: it is also
/// asked of one whose making failed or was not answered.
struct work {
  enum class direction : std::uint8_t { make, undo };
  direction way = direction::make;
  layer what = layer::cgroup;

  bool operator==(const work&) const = default;
};

/// How long the work may take: longer than all the steps that have deadlines
/// of their own. Undoing `processes` gets the grace on top, undoing `nested`
/// the time that it takes.
[[nodiscard]] std::chrono::milliseconds
deadline_of(const work& doing, const config::deadlines& steps);

struct work_error {
  work doing;
  std::string text;
  bool operator==(const work_error&) const = default;
};

struct container_state {
  container_phase phase = container_phase::creating;
  /// The resting phase that the work under way leads to.
  container_phase goal = container_phase::running;
  std::optional<work> doing;
  /// Numbers the work and the back-off timer: answers to others are stale.
  std::uint64_t serial = 0;
  work::direction heading = work::direction::make;
  std::bitset<layer_count> standing; ///< made, perhaps in part, not undone
  std::bitset<layer_count> tried;    ///< undone or failed to, this time down
  bool timed_out = false;     ///< an undoing was not answered, this time down
  bool name_free = false;     ///< while held
  bool removed_later = false; ///< held or failed while being destroyed
  std::chrono::milliseconds retry_delay{0}; ///< the latest one
  bool was_up = false; ///< else a failure leaves nothing of it
  /// The way up starts what the spec declares, whatever became of it before;
  /// else what would have come back by itself.
  bool anew = true;
  bool remove_on_exit = false; ///< nor does its end
  /// Of the latest way up or down; empty once it runs.
  std::vector<work_error> errors;
  /// Between stop signal and SIGKILL; empty: each process's own.
  std::optional<std::chrono::milliseconds> grace;
  /// Limits the rebuilds. With a policy of type `temporary` the death of the
  /// holder leads to none: the container stops.
  restart_tracker rebuilds;
  /// Of all processes together. Without a limit it has no tracker.
  std::optional<restart_tracker> restarts;
  config::gave_up_action on_process_gave_up = config::gave_up_action::ignore;
  config::gave_up_action on_gave_up = config::gave_up_action::stop_container;
  std::chrono::milliseconds rebuild_delay{0};
  /// The way up answers for it when it is over: the first process that gave up
  /// on it.
  std::optional<std::string> gave_up_early;

  bool operator==(const container_state&) const = default;
};

enum class container_command : std::uint8_t {
  run_process,
  set_limit,
  pause,
  resume,
  start,
  stop,           ///< legal in every phase, repeatable
  destroy,        ///< only when nothing runs
  destroy_forced, ///< legal in every phase, repeatable
};

namespace container_event {
/// Of a new state only.
struct create_requested {
  bool remove_on_exit = false;
};
struct command_given {
  container_command command;
  /// Of `stop` and `destroy_forced`. A repeat may shorten it, never extend it.
  std::optional<std::chrono::milliseconds> grace = std::nullopt;
};
struct work_finished {
  std::uint64_t serial;
};
struct work_failed {
  std::uint64_t serial;
  std::string text;
  bool timed_out = false; ///< as if its deadline had passed
};
struct deadline_passed {
  std::uint64_t serial;
};
struct timer_fired {
  std::uint64_t serial;
};
struct holder_died {};
/// One of its processes is started again by its own policy.
struct process_restarted {};
/// One of its processes was restarted too often.
struct process_gave_up {
  std::string text;
};
/// A new actor, in a new state, found this much standing in the kernel. What is
/// whole runs (thawed: the freezer's lease ended with the old actor), what is
/// not there is stopped, and what is half there has lost its holder.
struct found {
  std::bitset<layer_count> standing;
  bool remove_on_exit = false;
  bool gave_up = false; ///< and so it is to be down
};

using any = std::variant<create_requested, command_given, work_finished,
                         work_failed, deadline_passed, timer_fired, holder_died,
                         process_restarted, process_gave_up, found>;
} // namespace container_event

namespace container_effect {
struct begin {
  std::uint64_t serial;
  work what;
  bool operator==(const begin&) const = default;
};
/// The undoing of `processes` or `nested` is under way, and may take less time
/// from now on.
struct shorten_stop {
  std::uint64_t serial;
  bool operator==(const shorten_stop&) const = default;
};
struct arm_timer {
  std::uint64_t serial;
  std::chrono::milliseconds delay;
  bool operator==(const arm_timer&) const = default;
};
/// The phase changed; the errors so far are in the state.
struct report_phase {
  container_phase phase;
  bool operator==(const report_phase&) const = default;
};
/// Held: the name may be used by another container.
struct free_name {
  bool operator==(const free_name&) const = default;
};
/// It goes on, though its processes were restarted too often.
struct warn_of_restarts {
  bool operator==(const warn_of_restarts&) const = default;
};
/// Destroyed: drop what is stored about it.
struct forget {
  bool operator==(const forget&) const = default;
};

using any = std::variant<begin, shorten_stop, arm_timer, report_phase,
                         free_name, warn_of_restarts, forget>;
} // namespace container_effect

/// A command that does not fit the phase. The state is unchanged.
struct container_refusal {
  container_command command = container_command::start;
  container_phase phase = container_phase::creating;

  bool operator==(const container_refusal&) const = default;
};

/// "container 'a' is paused: resume it first".
[[nodiscard]] std::string explain(const container_refusal& refusal,
                                  std::string_view container);

/// Whether the phase allows the command. A repeat of what is already so, or
/// under way, is allowed.
[[nodiscard]] bool allows(container_phase phase, container_command command);

struct container_transition {
  container_state next;
  std::vector<container_effect::any> effects;
  std::optional<container_refusal> refused;
};

/// Defined for every phase and event.
[[nodiscard]] container_transition
step(container_state state, const container_event::any& event, moment at);

} // namespace reeve::supervisor
