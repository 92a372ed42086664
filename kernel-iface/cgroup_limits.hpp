// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <string>

namespace reeve::kernel {

enum class limit_key : std::uint8_t {
  /// Bytes, or no_limit. Memory and swap together: memory.memsw on v1, no swap
  /// on v2. A limit below what is in use is refused with EBUSY, after the
  /// kernel has tried to reclaim.
  memory_max,
  /// Thousandths of a CPU, at least 10, or no_limit. The period is 100 ms.
  cpu_max,
  /// Share under contention from 1 to 10000, default 100, as v2 counts. On v1
  /// in proportion, 100 being the 1024 of cpu.shares.
  cpu_weight,
  /// Microseconds that may be saved up below `cpu_max` and spent beyond it; at
  /// most what that gives in a period. Linux 5.14.
  cpu_burst,
  /// Number of tasks, or no_limit. Below what exists: no new ones.
  pids_max,
};

/// One open, write and close (v1 memory: a few). The value is in force when
/// the call returns. A refusal names file, value and, where the kernel is
/// vague, the reason.
[[nodiscard]] result<void> set_limit(const container_cgroup& group,
                                     limit_key key, std::uint64_t value);

/// What is in force, as the kernel has it: memory is rounded down to pages.
[[nodiscard]] result<std::uint64_t> get_limit(const container_cgroup& group,
                                              limit_key key);

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

/// What v1 does with a container that is out of memory.
enum class oom_policy : std::uint8_t { kill, pause };

/// v1 only: `pause` stops each task that needs memory until some is freed or
/// the limit is raised. ENOTSUP on v2, where the kernel always kills.
[[nodiscard]] result<void> set_oom_policy(const container_cgroup& group,
                                          oom_policy policy);

/// v1: tasks are paused, or are just being killed. False on v2.
[[nodiscard]] result<bool> is_out_of_memory(const container_cgroup& group);

} // namespace reeve::kernel
