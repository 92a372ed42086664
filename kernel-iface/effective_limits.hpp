// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/rlimits.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// What a process really may have, of all that limits it: each group that it
/// is in, up to the root, its own limits, and the machine.
namespace reeve::kernel {

struct effective_limit {
  /// "cpu", "memory", "swap", "pids", or a limit of each process by the name of
  /// prlimit(1), such as "rlimit.nofile".
  std::string resource;
  /// The kernel gives no more. Else it gives more, and slows down, reclaims
  /// first or sends a signal, or the process may raise it itself.
  bool is_hard = true;
  /// Bytes, a number, the unit of setrlimit(2), and of "cpu" thousandths of a
  /// processor; or no_limit.
  std::uint64_t value = 0;
  /// The file of the group that has the least, or "RLIMIT_NOFILE", "affinity",
  /// "machine".
  std::string source;
  /// Not so where groups above are out of sight, as in a cgroup namespace, or
  /// where the kernel limits a sum that the value is a part of.
  bool is_exact = true;

  bool operator==(const effective_limit&) const = default;
};

/// Of a process; ESRCH if there is none. A few dozen small reads, by the C
/// library that programs in a container have, too (job-iface/).
[[nodiscard]] result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, pid_t pid);

/// Of one that is started in the container, with such limits of its own.
[[nodiscard]] result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, const container_cgroup& group,
                    const rlimit_array& rlimits);

/// Of a process of the container, for itself: a file of a group is named as its
/// cgroup namespace shows it, and says nothing of the host's names. ESRCH if it
/// is not in the container's groups.
[[nodiscard]] result<std::vector<effective_limit>>
effective_limits_for(const cgroup_mounts& mounts, const container_cgroup& group,
                     pid_t pid);

} // namespace reeve::kernel
