// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reeve::kernel {

enum class limit_key : std::uint8_t {
  /// 0 to 200 (Linux 5.8, before that 100); ENOTSUP on v2. sysctl/vm.rst.
  memory_swappiness,
  /// Thousandths of a CPU, at least 10, or no_limit. The period is 100 ms.
  cpu_max,
  /// Share under contention from 1 to 10000, default 100, as v2 counts. On v1
  /// in proportion, 100 being the 1024 of cpu.shares.
  cpu_weight,
  /// Microseconds that may be saved up below `cpu_max` and spent beyond it; at
  /// most what that gives in a period. Linux 5.14.
  cpu_burst,
  /// 1: runs when nobody else wants to, as SCHED_IDLE of sched(7). A weight is
  /// refused with EINVAL then, reads as 1, and is 100 after it. Linux 5.15.
  cpu_idle,
  /// Microseconds of each second, and of each CPU, for tasks under SCHED_FIFO
  /// and SCHED_RR, which are refused where it is 0, the default. v1 with
  /// CONFIG_RT_GROUP_SCHED; ENOTSUP on v2. EBUSY while such tasks run, for 0.
  /// The sum of all is set above them. scheduler/sched-rt-group.rst.
  cpu_rt,
  /// Bytes, or no_limit, the default: what is beyond is reclaimed first where
  /// the machine is short of memory. v1: memory.soft_limit_in_bytes, ENOTSUP
  /// with PREEMPT_RT. v2: memory.low, and the sum of all above them, as far as
  /// groups of ours go.
  memory_soft,
  /// Share under contention from 1 to 1000, default 100, of a disk whose
  /// scheduler is bfq; on v2 also of one with cost control (io.cost.qos).
  io_weight,
  /// Number of tasks, or no_limit. Below what exists: no new ones.
  pids_max,
};

/// One open, write and close. The value is in force when
/// the call returns. A refusal names file, value and, where the kernel is
/// vague, the reason.
[[nodiscard]] result<void> set_limit(const container_cgroup& group,
                                     limit_key key, std::uint64_t value);

/// What is in force, as the kernel has it: memory is rounded down to pages.
[[nodiscard]] result<std::uint64_t> get_limit(const container_cgroup& group,
                                              limit_key key);

/// Bytes, or no_limit: of memory, and of swap beside it. v1 limits the sum.
struct memory_limits {
  std::uint64_t memory = no_limit;
  std::uint64_t swap = no_limit;
};

/// Empty: as it is. With its first limit of memory a group gets no swap, with
/// another it keeps how much it has, with none it has all.
struct memory_change {
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> swap;
};

/// Both at once, or none. EBUSY below what is in use, after the kernel has
/// tried to reclaim, which may take seconds; EINVAL for a limit of swap without
/// one of memory, ENOENT for one where the kernel does not count it.
[[nodiscard]] result<void> set_memory_limits(const container_cgroup& group,
                                             const memory_change& wanted);

/// Memory is rounded down to pages. No limit of swap where it is not counted.
[[nodiscard]] result<memory_limits>
get_memory_limits(const container_cgroup& group);

/// What `get_memory_limits` returned goes back, whatever is in use; v1 refuses
/// that all the same.
[[nodiscard]] result<void> restore_memory_limits(const container_cgroup& group,
                                                 const memory_limits& before);

enum class cpuset_key : std::uint8_t {
  cpus, ///< on which tasks run
  mems, ///< from which they get memory; what they have moves there
};

/// The list as the kernel writes it, in order: "0-3,8"; empty takes it away, so
/// that the group above alone counts. Refused as a whole with EINVAL if that
/// has not all of it. In force when the call returns, which waits for memory to
/// be moved, on older kernels also that of others. cpuset(7), cgroup-v2.rst.
[[nodiscard]] result<void> set_cpuset(const container_cgroup& group,
                                      cpuset_key key, const std::string& list);

/// What `get_cpuset` returned goes back, though the group above may not have
/// all of it any more.
[[nodiscard]] result<void> restore_cpuset(const container_cgroup& group,
                                          cpuset_key key,
                                          const std::string& list);

/// Empty if the group above alone counts; on v1 also where it has the same.
[[nodiscard]] result<std::string> get_cpuset(const container_cgroup& group,
                                             cpuset_key key);

/// So much of one device or one size of page.
struct named_limit {
  std::string name;
  std::uint64_t value = 0;

  bool operator==(const named_limit&) const = default;
};

enum class list_key : std::uint8_t {
  /// Bytes and operations per second of block devices, by path or by numbers
  /// ("8:0"). v1 counts what reaches the device in the name of the group: what
  /// is written back from the page cache does not, on v2 it does.
  io_read_bps,
  io_write_bps,
  io_read_iops,
  io_write_iops,
  /// Bytes in huge pages of sizes as the kernel spells them ("2MB"), rounded
  /// down to whole pages. Uses the controller hugetlb from the first limit on;
  /// ENODEV where the groups above Reeve's do not hand it down.
  hugetlb_max,
};

/// The list takes the place of the one in force; what it does not name has no
/// limit. All or none. A device that is not there, is a partition or is named
/// twice is refused. cgroup-v1/blkio-controller.rst, cgroup-v2.rst.
[[nodiscard]] result<void>
set_named_limits(const container_cgroup& group, list_key key,
                 const std::vector<named_limit>& list);

/// In the order of names; a device by its path in /dev, if it has one.
[[nodiscard]] result<std::vector<named_limit>>
get_named_limits(const container_cgroup& group, list_key key);

} // namespace reeve::kernel
