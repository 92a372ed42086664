// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/scratch_group.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <string>

namespace reeve::bench {

/// Where the floors are measured: a small, single-threaded process in a mount
/// namespace of four mounts. Both matter: with 1,000 mounts of the host the
/// copy of the mount namespace alone takes ten times as long, and clone of a
/// large process copies its page tables.
struct workshop {
  /// Moves this process, for good, into a minimal mount namespace whose root
  /// holds `/work` (= `directory`), `/lower` (`directory`/lower, idmapped) and
  /// `/proc`. `directory` must hold a busybox root file system in `lower`.
  [[nodiscard]] static kernel::result<workshop>
  enter(const std::string& directory);

  /// A name that no other group or layer of this machine has.
  [[nodiscard]] std::string next_name();

  cgroup_trees trees;
  /// Of this process, to come back to.
  kernel::unique_fd mount_namespace;
  kernel::unique_fd network_namespace;
  unsigned names_given = 0;
};

/// Host id of root in the containers; each has 65,536 ids from here.
constexpr unsigned container_root = 100'000;
constexpr const char* container_id_map = "0 100000 65536";

/// clone3 in the manner of fork, with a pidfd. Zero in the child.
[[nodiscard]] kernel::result<int> clone_process(unsigned long long flags,
                                                kernel::unique_fd& pidfd,
                                                int cgroup = -1);

/// Waits for the end of a child and collects it.
[[nodiscard]] kernel::result<void> reap(int pidfd);

/// Same after a SIGKILL; "already gone" is no error.
[[nodiscard]] kernel::result<void> kill_and_reap(int pidfd);

} // namespace reeve::bench
