// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/rlimits.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>

namespace reeve::holder {

struct pid_one_setup {
  kernel::unique_fd control;
  kernel::unique_fd listener;
  kernel::unique_fd oom_score; ///< its own /proc/self/oom_score_adj
  /// False in a shared pid namespace: then "all processes" are not ours.
  bool has_pid_namespace = true;
  /// Here, that is: whoever has a pid in our pid namespace is not the daemon.
  bool daemon_has_no_pid = true;
  kernel::rlimit_array rlimits{}; ///< of programs
};

/// The life of a container's PID 1: spawns, reaps, reports; see
/// kernel-iface/holder_protocol.hpp. Holds no policy, never blocks, and never
/// walks a path of the container once something else runs in it.
[[noreturn]] void run_pid_one(pid_one_setup setup);

} // namespace reeve::holder
