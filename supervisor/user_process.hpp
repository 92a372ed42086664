// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/namespace_holder.hpp"
#include "config/limits.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "supervisor/api.hpp"
#include "supervisor/oom_witness.hpp"
#include "supervisor/run_notes.hpp"
#include "supervisor/services.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reeve::supervisor {

/// Whether a start is somebody's wish or follows the container's rebuild.
struct bring_up {
  process_event::start_cause cause = process_event::start_cause::by_hand;
};

/// Its PID 1 has changed: after a rebuild, or at first.
struct use_holder {
  actors::namespace_holder_actor holder;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  /// The holder may remember runs up to this one, which we do not.
  std::uint64_t used_runs = 0;
};

/// PID 1 died, and with it this process.
struct lose_holder {};

/// The container is being paused, and nothing can be started; or it goes on.
struct suspend_starts {};
struct resume_starts {};

/// Its group is started again as a whole.
struct stand_by {};

/// The processes that it waits for are there, or, with `refused`, will not be.
struct take_turn {
  std::uint64_t turn = 0; ///< as the container was told
  caf::error refused;
};

/// Of its container, from the next start on. Null: none.
struct use_rlimits {
  std::shared_ptr<const config::rlimit_list> rlimits;
};

/// PID 1 has heard from the process that it is ready.
struct process_ready {
  std::uint64_t process = 0;
};

/// PID 1 answers a start after its deadline, or one of an earlier daemon.
struct late_start {
  actors::process_spawned report;
};

/// The holder reports an end; `process` holds serial and run.
struct end_process {
  std::uint64_t process = 0;
  kernel::holder::end_of_process end;
};

/// A new daemon found this process in its container.
struct adopt_process {
  actors::known_process known; ///< its newest run
  run_notes notes;
  /// Ended ones that PID 1 still knows: a daemon that saw the successor start
  /// may have died with output of theirs unread.
  std::vector<actors::known_process> before;
};

/// It was over before the daemon began, and is not to be started again by
/// itself. Comes before anything else.
struct restore_end {
  exit_reason reason;
  std::uint64_t run = 0; ///< its next one has a higher number
};

struct get_process {};

/// What its container is told on every change.
struct process_change {
  process_info info;
  std::uint64_t run = 0; ///< the latest
  std::vector<event> happened;
  /// Runs that have ended and been answered, by their numbers in the holder: to
  /// be acknowledged when what has to be known of them is recorded. One that is
  /// to have a successor is not among them before that runs.
  std::vector<std::uint64_t> ended;
  bool output_awaited = false; ///< somebody who follows it has not seen all
  std::uint64_t turn = 0;      ///< that it waits for, while it does
  bool fell = false;           ///< it ended by itself, and is to come back
};

/// One user process under its restart policy: from its definition, over any
/// number of runs, to its removal. Carries out what process_lifecycle.hpp
/// decides, moves its output to the log and serves whoever reads or writes its
/// streams.
///
/// Spawned by `container` and watched by it; peers know nothing of each other.
/// No handler blocks.
using user_process_actor = caf::typed_actor<
    caf::replies_to<bring_up>::with<process_started>,
    caf::replies_to<stop_process>::with<process_is>,
    caf::replies_to<remove_process>::with<process_is>,
    caf::replies_to<signal_process>::with<process_is>,
    caf::replies_to<resize_terminal>::with<process_is>,
    caf::replies_to<write_input>::with<process_is>,
    caf::replies_to<read_output>::with<output_chunk>,
    caf::replies_to<wait_process>::with<process_is>,
    caf::replies_to<get_process>::with<process_is>, caf::reacts_to<use_holder>,
    caf::reacts_to<use_rlimits>, caf::reacts_to<lose_holder>,
    caf::reacts_to<suspend_starts>, caf::reacts_to<resume_starts>,
    caf::reacts_to<stand_by>, caf::reacts_to<take_turn>,
    caf::reacts_to<process_ready>, caf::reacts_to<late_start>,
    caf::reacts_to<end_process>, caf::reacts_to<restore_end>,
    caf::replies_to<adopt_process>::with<process_is>>;

struct user_process_options {
  std::shared_ptr<services> with;
  std::string container;
  std::string container_id;
  std::uint32_t serial = 0;
  std::uint64_t command = 0; ///< that ran it
  config::process_spec spec;
  bool takes_turns = false; ///< is started when its container says so
  kernel::capability_set capabilities;                ///< of the container
  std::shared_ptr<const config::rlimit_list> rlimits; ///< of it, or null
  bool attached = false;
  std::vector<actors::shared_fd> stdio; ///< empty: as the spec says
  /// Called in the actor; must only send messages.
  std::function<void(process_change)> on_change;
  std::shared_ptr<oom_witness> oom; ///< of the container
};

user_process_actor spawn_user_process(caf::actor_system& sys,
                                      user_process_options how);

/// Process numbers in the holder: unique for ever within a container.
[[nodiscard]] constexpr std::uint64_t holder_number(std::uint32_t serial,
                                                    std::uint64_t run) {
  return (std::uint64_t{serial} << 32U) | (run & 0xffffffffU);
}

[[nodiscard]] constexpr std::uint32_t serial_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(number >> 32U);
}

[[nodiscard]] constexpr std::uint64_t run_of(std::uint64_t number) {
  return number & 0xffffffffU;
}

/// Set in the run of a command that asks a process whether it is ready.
inline constexpr std::uint64_t probe_bit = 0x80000000U;

[[nodiscard]] constexpr bool is_probe(std::uint64_t number) {
  return (number & probe_bit) != 0;
}

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::bring_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::use_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::use_rlimits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::lose_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::suspend_starts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::resume_starts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::stand_by)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::take_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::process_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::late_start)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::end_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adopt_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::restore_end)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::get_process)
