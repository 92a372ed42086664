// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <string>
#include <vector>

namespace reeve::bench {

/// The cgroup trees of this machine, opened before the mounts are left behind.
/// Either the v1 hierarchies with a controller (hybrid hosts included: their
/// cgroup2 tree carries no limits), or the one v2 tree.
struct cgroup_trees {
  struct tree {
    std::string path;
    kernel::unique_fd dir;
    /// v1 only; what a new group must be given before a task may join.
    bool cpuset = false;
  };

  enum class version { v1, v2 };

  [[nodiscard]] static kernel::result<cgroup_trees> open();

  version kind = version::v1;
  std::vector<tree> trees;
  std::string cpus;
  std::string mems;
};

/// Owns one group of the same name in every tree.
class scratch_group {
public:
  /// `trees` must outlive the group.
  [[nodiscard]] static kernel::result<scratch_group>
  make(const cgroup_trees& trees, std::string name);

  scratch_group(scratch_group&& other) noexcept;
  scratch_group& operator=(scratch_group&&) = delete;
  scratch_group(const scratch_group&) = delete;
  scratch_group& operator=(const scratch_group&) = delete;
  ~scratch_group();

  /// v1 only: moves the calling, single-threaded process. Writing "0" to
  /// `tasks` costs microseconds; a pid in `cgroup.procs` waits for an RCU grace
  /// period.
  [[nodiscard]] kernel::result<void> join() const;

  /// v2 only: the directory for `CLONE_INTO_CGROUP`. Borrowed; -1 on v1.
  [[nodiscard]] int clone_target() const noexcept;

  /// Directory of the memory limit relative to the host's root.
  [[nodiscard]] kernel::result<kernel::unique_fd> memory_directory() const;

  [[nodiscard]] kernel::result<void> remove();

private:
  scratch_group(const cgroup_trees& trees, std::string name)
      : trees_(&trees),
        name_(std::move(name)) {}

  const cgroup_trees* trees_;
  std::string name_;
  /// v1: one `tasks` file per tree. v2: the directory.
  std::vector<kernel::unique_fd> entries_;
};

/// Opens `name` below `dir`, writes `text` and closes: a limit as it is set.
[[nodiscard]] kernel::result<void> write_file(int dir, const std::string& name,
                                              const std::string& text);

} // namespace reeve::bench
