// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace reeve::kernel {

/// The user processes in the order in which the kernel would choose them if the
/// container were out of memory: by memory and swap, with the adjustments that
/// they have made. Those that it would never choose are left out. Pids as this
/// process sees them; a few small files of each are read.
/// proc_pid_oom_score_adj(5).
[[nodiscard]] result<std::vector<pid_t>>
oom_victims(const container_cgroup& group);

/// SIGKILL to a process that is still a user process of the container; a pidfd
/// to wait for its end with, empty if it is none any more.
[[nodiscard]] result<unique_fd> kill_member(const container_cgroup& group,
                                            pid_t pid);

/// Waits for the end of a process, at most until then; false if it has not
/// ended, as one that is stuck in the kernel, or frozen. What it has is given
/// back by its end.
[[nodiscard]] bool ends_until(int pidfd,
                              std::chrono::steady_clock::time_point when);

} // namespace reeve::kernel
