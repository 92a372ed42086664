// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_messages.hpp"
#include "actors/limit_table.hpp"
#include "actors/poller.hpp"
#include "config/limits.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_reclaim.hpp"
#include "kernel-iface/cgroup_rlimits.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/container_cgroup.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace reeve::actors {

struct cgroup_done {};

/// All or none: when one is refused, those before it are set back. Answered
/// with what is in force of those that were set.
struct apply_limits {
  limit_change change;
};

/// See kernel::check_rlimits, and with `applies` kernel::apply_rlimits.
struct change_rlimits {
  std::vector<kernel::rlimit_change> changes;
  pid_t holder = 0;
  shared_fd holder_pidfd;
  bool applies = false;
};

/// See kernel::wake_waiting. Not without a pause.
struct wake_for_memory {};

/// See kernel::reclaim_memory.
struct reclaim_from_cgroup {
  std::uint64_t bytes = 0;
};

/// No keys: all that this machine has.
struct read_limits {
  std::vector<std::string> keys;
};

/// The descriptors are kept for a while, if there are not too many.
struct read_stats {};

/// Answers when the kernel says that every task is frozen (or thawed).
struct freeze_cgroup {};
struct thaw_cgroup {};

/// SIGKILL to all members until the group is empty.
struct kill_cgroup {
  bool everybody = false; ///< the holder, too
  /// pidfd of a member that was sent SIGKILL and takes others with it, as PID 1
  /// does: its end is waited for first. Null: there is none.
  shared_fd dying;
};

/// Removes the groups; waits for the kernel to let go of the last process.
struct remove_cgroup {};

/// How often the kernel has killed for want of memory, so far.
struct read_oom_kills {};

struct oom_kills {
  std::uint64_t count = 0;
};

struct stats_reading {
  kernel::container_stats stats;
};

/// One container's groups. Handlers make one short pass over cgroupfs; what
/// takes the kernel a while (freezing, killing, removal) is asked for again
/// after a fraction of a millisecond or more, until the deadline. A limit whose
/// write may block is written on another thread; limits, and what is reclaimed,
/// take their turns.
using cgroup_controller_actor = caf::typed_actor<
    caf::replies_to<apply_limits>::with<limit_readings>,
    caf::replies_to<change_rlimits>::with<cgroup_done>,
    caf::reacts_to<wake_for_memory>,
    caf::replies_to<reclaim_from_cgroup>::with<kernel::reclaimed_memory>,
    caf::replies_to<read_limits>::with<limit_readings>,
    caf::replies_to<read_stats>::with<stats_reading>,
    caf::replies_to<freeze_cgroup>::with<cgroup_done>,
    caf::replies_to<thaw_cgroup>::with<cgroup_done>,
    caf::replies_to<kill_cgroup>::with<cgroup_done>,
    caf::replies_to<remove_cgroup>::with<cgroup_done>,
    caf::replies_to<read_oom_kills>::with<oom_kills>>;

struct cgroup_options {
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  std::chrono::milliseconds deadline{10'000};
  poller* watch = nullptr; ///< outlives the actor; null: processes are polled
  /// How many more descriptors all controllers may keep for statistics.
  std::shared_ptr<std::atomic<int>> descriptors_left;
  /// Until what is done on other threads is done: who adopts after a failure
  /// waits for it.
  std::shared_ptr<const void> keep_alive;
  /// Null: nobody else freezes it.
  std::shared_ptr<kernel::shared_freezer> freezer;
};

cgroup_controller_actor spawn_cgroup_controller(caf::actor_system& sys,
                                                cgroup_options how);

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::apply_limits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::change_rlimits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::wake_for_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::reclaim_from_cgroup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::kernel::reclaimed_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::read_limits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::limit_readings)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::read_stats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::stats_reading)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::freeze_cgroup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::thaw_cgroup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::kill_cgroup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::remove_cgroup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::read_oom_kills)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::oom_kills)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::cgroup_done)
