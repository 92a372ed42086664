// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "supervisor/api.hpp"
#include "supervisor/oom_witness.hpp"

#include <sys/types.h>

#include <vector>

/// What an `oom_handler` has done on another thread: each call may take
/// seconds.
namespace reeve::supervisor {

struct oom_look {
  bool is_out = false;
  oom_figures figures; ///< if it is
};

[[nodiscard]] kernel::result<oom_look>
look_at_memory(const kernel::container_cgroup& group);

enum class oom_victim { largest, everybody };

/// Kills and waits for the end; those of whom it cannot be waited for are among
/// the result. ESRCH if there is nobody who may be killed.
[[nodiscard]] kernel::result<std::vector<pid_t>>
kill_for_memory(const kernel::container_cgroup& group, oom_victim who,
                oom_witness& witness);

} // namespace reeve::supervisor
