// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <sys/types.h>

namespace reeve::bench {

/// Starts a static busybox of the workshop by vfork. Returns when the exec is
/// done: that is when vfork lets the parent go on.
[[nodiscard]] kernel::result<pid_t> spawn_busybox(const char* applet,
                                                  const char* argument);

/// Waits for the end of a child and gives its wait status.
[[nodiscard]] kernel::result<int> collect(pid_t pid);

[[nodiscard]] kernel::result<void> kill_and_collect(pid_t pid);

} // namespace reeve::bench
