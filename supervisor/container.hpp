// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"
#include "supervisor/file_sweeper.hpp"
#include "supervisor/holder_pool.hpp"
#include "supervisor/services.hpp"
#include "supervisor/state_store.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace reeve::supervisor {

/// Takes over what an earlier daemon has left of a container.
struct adopt_container {
  container_record record;
};

/// What the warden is told on every change; `id` is the container's key there.
struct container_change {
  std::string key;
  container_info info;
  std::vector<event> happened;
  bool name_free = false;    ///< held: another container may take the name
  bool gone = false;         ///< destroyed: forget it
  bool asks_revival = false; ///< it has given up, and is to be built again
  bool comes_back = false;   ///< when the container that it is in is up
};

/// The warden's answer to a change that says `gone`: nothing is sent to the
/// container any more, so that its actor may end.
struct container_forgotten {};

/// Who is PID 1 of another container, to join its namespaces. The pid may be
/// another process's when it is used: the start time tells.
struct resolve_holder {
  std::string container;
};

struct holder_resolved {
  std::int32_t pid = 0;
  std::uint64_t start_time = 0; ///< see kernel::start_time
};

/// Where the groups of another container are, to be in them. Waits while that
/// one is on its way up.
struct resolve_group {
  std::string container;
};

struct group_resolved {
  std::string path; ///< see kernel::container_cgroup
};

/// What is in that container goes down, or for good: first what is in it in
/// turn. What ran comes back when that container does.
struct take_down_nested {
  std::string key;
  std::int64_t grace_ms = -1; ///< negative: each process's own
  bool destroys = false;
};

struct nested_down {};

/// A stop that is not the user's wish: the container that it is in goes down.
struct stop_with_parent {
  std::int64_t grace_ms = -1;
};

/// That one is paused, or not any more.
struct parent_paused {
  bool is_so = false;
};

/// The containers that there are, for each of them.
using container_directory_actor =
    caf::typed_actor<caf::replies_to<resolve_holder>::with<holder_resolved>,
                     caf::replies_to<resolve_group>::with<group_resolved>,
                     caf::replies_to<take_down_nested>::with<nested_down>>;

/// The supervisor of one container: owns the actors for its cgroup, its PID 1,
/// its root file system and each user process, and carries out what
/// container_lifecycle.hpp decides.
///
/// Spawned and watched by `warden`. Its children are watched in turn: user
/// processes one for one; a death of PID 1 takes all of them down, because the
/// kernel does, and is answered by the container's policy.
///
/// The messages of api.hpp in the states that allow them; no handler blocks;
/// every step has a deadline.
using container_actor = caf::typed_actor<
    caf::replies_to<create_container>::with<container_created>,
    caf::replies_to<adopt_container>::with<container_is>,
    caf::replies_to<destroy_container>::with<container_is>,
    caf::replies_to<start_container>::with<container_is>,
    caf::replies_to<stop_container>::with<container_is>,
    caf::replies_to<pause_container>::with<container_is>,
    caf::replies_to<resume_container>::with<container_is>,
    caf::replies_to<hold_container>::with<container_is>,
    caf::replies_to<release_container>::with<container_is>,
    caf::replies_to<run_process>::with<process_started>,
    caf::replies_to<run_process_with_stdio>::with<process_started>,
    caf::replies_to<start_process>::with<process_started>,
    caf::replies_to<stop_process>::with<process_is>,
    caf::replies_to<remove_process>::with<process_is>,
    caf::replies_to<signal_process>::with<process_is>,
    caf::replies_to<resize_terminal>::with<process_is>,
    caf::replies_to<write_input>::with<process_is>,
    caf::replies_to<read_output>::with<output_chunk>,
    caf::replies_to<wait_process>::with<process_is>,
    caf::replies_to<resolve_holder>::with<holder_resolved>,
    caf::replies_to<resolve_group>::with<group_resolved>,
    caf::replies_to<set_limits>::with<limits_in_force>,
    caf::replies_to<get_limits>::with<limits_in_force>,
    caf::replies_to<get_effective_limits>::with<effective_limits>,
    caf::replies_to<reclaim_memory>::with<memory_reclaimed>,
    caf::replies_to<get_oom>::with<oom_status>,
    caf::replies_to<decide_oom>::with<oom_status>,
    caf::replies_to<get_stats>::with<container_stats>,
    caf::replies_to<get_container>::with<container_details>,
    caf::replies_to<stop_with_parent>::with<container_is>,
    caf::reacts_to<parent_paused>, caf::reacts_to<container_forgotten>>;

struct container_options {
  std::shared_ptr<services> with;
  holder_pool_actor pool;
  file_sweeper_actor sweeper;
  container_directory_actor directory;
  std::string key; ///< what the warden knows it by
  std::function<void(container_change)> on_change;
};

container_actor spawn_container(caf::actor_system& sys, container_options how);

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adopt_container)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::container_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::container_forgotten)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::resolve_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::holder_resolved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::resolve_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::group_resolved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::take_down_nested)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::nested_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::stop_with_parent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::parent_paused)
