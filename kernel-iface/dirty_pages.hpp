// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <ctime>
#include <string>
#include <utility>

/// Page cache that is to be written to a disk: how much a group has, and how to
/// have it written. The kernel bounds it for the host as a whole
/// (vm.dirty_ratio, sysctl/vm.rst), not for a group.
namespace reeve::kernel {

/// Bytes of a group and those below it, for who looks again and again: one
/// descriptor is kept. For one thread at a time.
class dirty_meter {
public:
  explicit dirty_meter(const container_cgroup& group) : group_(group) {}

  /// What is to be written and what is just being written, together, of
  /// memory.stat. A read of some microseconds; the kernel's number lags behind
  /// by 64 pages for each processor. ENOENT or ENODEV when the group is gone.
  [[nodiscard]] result<std::uint64_t> read();

private:
  container_cgroup group_;
  unique_fd file_;
  std::string path_;
};

/// Has the files of a directory written back that were changed lately, by
/// sync_file_range(2): their content alone, unlike syncfs(2), which would write
/// the whole file system, or nothing of a volatile overlay. What the directory
/// holds is somebody else's: no symlink is followed, no mount entered
/// (openat2(2), Linux 5.6), and only regular files are opened. A file without
/// a name, or with a path longer than PATH_MAX, is not found.
///
/// For one thread at a time.
class tree_writer {
public:
  explicit tree_writer(std::string dir) : dir_(std::move(dir)) {}

  /// Walks the tree and waits until all files are written that were changed
  /// since the last time. Blocks on the disk, and for some microseconds for
  /// each file that there is.
  [[nodiscard]] result<void> write();

private:
  std::string dir_;
  std::time_t since_ = 0; ///< of the clock of files
};

} // namespace reeve::kernel
