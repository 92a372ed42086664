// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/scratch_group.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

namespace reeve::bench {

/// PID 1 of a straight_container, in the process that clone_process made.
/// Joins `group`, makes its `/proc` (afterwards it may not), unshares the rest
/// of the namespaces and reports; on the peer's word it becomes container root
/// and reports again; it ends when the peer's end of `socket` is closed.
[[noreturn]] void run_straight_init(int socket, const scratch_group& group);

/// The peer's side: waits for a report of that init, taking over its mount of
/// `/proc` from the first one (empty in the second).
[[nodiscard]] kernel::result<kernel::unique_fd> await_report(int socket);

/// The peer's word to go on.
[[nodiscard]] kernel::result<void> send_go(int socket);

} // namespace reeve::bench
