// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "supervisor/api.hpp"
#include "supervisor/oom_witness.hpp"

#include <sys/types.h>

/// What an `oom_handler` has done on another thread: each call may take
/// seconds.
namespace reeve::supervisor {

struct oom_look {
  bool is_out = false;
  oom_figures figures; ///< if it is
};

[[nodiscard]] kernel::result<oom_look>
look_at_memory(const kernel::container_cgroup& group);

/// Kills the largest, and waits for its end for a while. 0 if there is memory
/// again, which is looked at first. ESRCH if there is nobody who may be killed.
[[nodiscard]] kernel::result<pid_t>
kill_largest(const kernel::container_cgroup& group, oom_witness& witness);

} // namespace reeve::supervisor
