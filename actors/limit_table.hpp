// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/limits.hpp"
#include "kernel-iface/container_cgroup.hpp"

#include <caf/expected.hpp>

#include <sys/types.h>

#include <string>
#include <vector>

/// `config::limits` and the files of a group; limits of processes have none,
/// see `change_rlimits` in cgroup_controller.hpp. A new limit of one number is
/// a line of the table here, one of `config/limits.cpp`, and a pair of
/// functions in its resource's file of kernel-iface.
namespace reeve::actors {

struct limit_reading {
  std::string key;   ///< as config::limit_names spells it
  std::string value; ///< as config::set_key reads it
};

struct limit_readings {
  std::vector<limit_reading> limits;
  std::string source; ///< name of the cgroup
  /// What those that were set were before, if it was asked for.
  config::limits before;
  std::vector<pid_t> killed; ///< to make room, as the host sees them
};

struct limit_change {
  config::limits limits;
  /// Costs one read more for a limit that is set alone.
  bool tells_before = false;
  /// A limit of memory below what is in use is not refused: when all others are
  /// set, processes are killed, the largest first, until it fits.
  bool kills = false;
  /// What was in force before goes back, whatever is in use.
  bool restores = false;
  /// Nothing is done if the limit of memory in force is as high, or higher.
  bool raises = false;
};

/// All that are not absent, or none: when one is refused, those that were set
/// go back. One that only another one of them is in the way of comes after it.
/// Returns what is in force of them. Any thread; blocks while the kernel takes
/// memory away, see `may_take_long`.
[[nodiscard]] caf::expected<limit_readings>
set_all(const kernel::container_cgroup& group, const limit_change& change);

/// Without those that the kernel or its set-up lacks.
[[nodiscard]] caf::expected<limit_readings>
get_all(const kernel::container_cgroup& group);

/// The keys are known ones. What the kernel lacks is an error.
[[nodiscard]] caf::expected<limit_readings>
get_some(const kernel::container_cgroup& group,
         const std::vector<std::string>& keys);

/// Memory has to be taken away, and written out first if it must, or moved
/// between nodes, for this group or, on older kernels, for others that the
/// write then waits for: that can take seconds.
[[nodiscard]] bool may_take_long(const kernel::container_cgroup& group,
                                 const config::limits& wanted);

} // namespace reeve::actors
