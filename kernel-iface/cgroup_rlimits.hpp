// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

/// Limits of each process of a container, prlimit(2). Raising a hard one takes
/// CAP_SYS_RESOURCE.
namespace reeve::kernel {

struct rlimit_change {
  int resource = 0; ///< RLIMIT_CPU to RLIMIT_RTTIME
  rlimit value{};
  rlimit before{}; ///< of processes that have chosen none of their own
};

/// The PID 1 of a container; the pidfd says that it still has that pid.
struct rlimit_giver {
  pid_t pid = 0;
  int pidfd = -1; ///< borrowed
};

/// EPERM if `apply_rlimits` would be refused something, or no process could be
/// started with them by `holder`, which is given higher hard limits if need be.
/// Changes nothing else.
[[nodiscard]] result<void> check_rlimits(const container_cgroup& group,
                                         const rlimit_giver& holder,
                                         const std::vector<rlimit_change>& all);

/// Of each user process: the hard limit becomes `value` where it is `before`,
/// and is nowhere above it; with it goes a soft one that is `before`, or was
/// raised to the hard one. So who has lowered its own keeps it.
///
/// Goes on after a refusal, and returns the first. A child has what its parent
/// has when its fork(2) begins, and is seen when that ends: who was in the
/// middle of it is missed.
[[nodiscard]] result<void> apply_rlimits(const container_cgroup& group,
                                         const std::vector<rlimit_change>& all);

/// One process that was just started with `before`, whose pidfd says that it is
/// still the one with that pid, has `value`, as far as it may; one that has
/// lowered its hard limit since keeps it. With a `before` of 0 it has `value`.
[[nodiscard]] result<void> give_rlimits(pid_t pid, int pidfd,
                                        const std::vector<rlimit_change>& all);

} // namespace reeve::kernel
