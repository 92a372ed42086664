// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "holder/user_child.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>

/// How PID 1 makes processes: a real fork, not vfork, since a child that
/// enters a frozen group, or whose program lies on a hung file system, must not
/// stop PID 1.
namespace reeve::holder {

struct fork_request {
  /// A cgroup2 directory for the child to be born in, or -1. Such a child
  /// takes clone3, which a guard over PID 1 itself would refuse.
  int cgroup = -1;
  std::int32_t oom_score_adj = kernel::holder::no_oom_score_adj;
  int oom_score = -1; ///< PID 1's own /proc/self/oom_score_adj
};

/// As fork(2); in the parent `pidfd` is the child's. `note` names the step
/// that failed, if it was not the fork. A child that could not be born in its
/// cgroup `has_yet_to_join` it.
[[nodiscard]] long fork_child(const fork_request& how, kernel::unique_fd& pidfd,
                              child_note& note, bool& has_yet_to_join);

[[nodiscard]] bool make_pipe(kernel::unique_fd& reads,
                             kernel::unique_fd& writes);

} // namespace reeve::holder
