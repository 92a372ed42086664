// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/rlimits.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace reeve::holder {

/// Everything a forked child needs to become the user's program.
struct child_plan {
  kernel::holder::spawn_order order;
  std::vector<kernel::unique_fd> join; ///< cgroup `tasks` files
  /// The child's ends; empty ones mean /dev/null. Unused with a terminal.
  kernel::unique_fd stdin_end;
  kernel::unique_fd stdout_end;
  kernel::unique_fd stderr_end;
  kernel::unique_fd ready_end;      ///< goes to the order's `ready_fd`
  std::string clone3_guard;         ///< sock_filter array; may be empty
  std::uint64_t bounding_set = 0;   ///< what PID 1 has left of it
  kernel::rlimit_array rlimits{};   ///< where the order says nothing
  kernel::rlimit_array inherited{}; ///< those of PID 1
};

/// What a child tells its parent before exec, over a SOCK_SEQPACKET pair that
/// exec closes: a terminal's master (with the descriptor) or its failure.
struct child_note {
  enum class kind : std::uint32_t { terminal, failed };
  kind what = kind::failed;
  kernel::holder::spawn_step step = kernel::holder::spawn_step::fork;
  std::int32_t code = 0;
  char subject[100] = {};
};

/// Runs in the child: joins the cgroup, opens its stdio, drops what it must
/// not keep and executes the program. Does not return.
[[noreturn]] void become_program(child_plan& plan, int parent);

} // namespace reeve::holder
