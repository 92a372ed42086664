// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <optional>

namespace reeve::kernel {

struct oom_victim {
  pid_t pid = 0; ///< as this process sees it
  unique_fd pidfd;
};

/// SIGKILL to the user process that the kernel would choose if the container
/// were out of memory: proc_pid_oom_score(5), with the adjustments that its
/// processes have made. Empty if there is none that it might choose. Reads a
/// small file of each process; the end is not waited for.
[[nodiscard]] result<std::optional<oom_victim>>
kill_largest(const container_cgroup& group);

} // namespace reeve::kernel
