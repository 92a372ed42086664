// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <sys/resource.h>

#include <vector>

namespace reeve::kernel {

/// A limit of each process of a container.
struct rlimit_change {
  int resource = 0; ///< RLIMIT_CPU to RLIMIT_RTTIME
  rlimit value{};
  rlimit before{}; ///< of processes that have chosen none of their own
};

/// For each user process: one that has `before` has `value` then, and none has
/// a hard limit above that; one that has lowered its own keeps it. All
/// processes or none: what cannot be is EPERM before anything is set, and so is
/// a hard limit that no process could be started with.
///
/// Raising a hard limit takes CAP_SYS_RESOURCE (prlimit(2)). A few system calls
/// for each process, and again until none was missed: children have what their
/// parents have.
[[nodiscard]] result<void> set_rlimits(const container_cgroup& group,
                                       const std::vector<rlimit_change>& all);

} // namespace reeve::kernel
