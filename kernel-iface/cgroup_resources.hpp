// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_limits.hpp"

#include <cstdint>
#include <vector>

/// One resource, one source file; this is what they offer to cgroup_limits.cpp
/// and cgroup_stats.cpp. A new limit is a key, a pair of functions for each
/// version in its resource's file, and a line in the table.
namespace reeve::kernel {

/// v1 spells "no limit" as the largest number of whole pages; nothing near it
/// can be meant as a limit.
inline constexpr auto v1_unlimited = std::uint64_t{1} << 62U;

/// What a limit is: an amount that a container may have, or its share of what
/// it has with others.
enum class limit_kind : std::uint8_t { amount, share };

struct limit_ops {
  controller which;
  result<void> (*set)(const cgroup_dir& dir, std::uint64_t value);
  result<std::uint64_t> (*get)(const cgroup_dir& dir);
  limit_kind kind = limit_kind::amount;
  /// Not `set`, but see cgroup_sum.hpp; no_limit is 0.
  const char* summed_file = nullptr;
  void (*explain)(sys_error& refused) = nullptr; ///< of that
};

// cgroup_memory.cpp
extern const limit_ops swappiness_v1;
extern const limit_ops swappiness_v2;
extern const limit_ops soft_memory_v1;
extern const limit_ops soft_memory_v2;

// cgroup_cpu.cpp
extern const limit_ops cpu_max_v1;
extern const limit_ops cpu_max_v2;
extern const limit_ops cpu_weight_v1;
extern const limit_ops cpu_weight_v2;
extern const limit_ops cpu_burst_v1;
extern const limit_ops cpu_burst_v2;
extern const limit_ops cpu_idle;
extern const limit_ops cpu_rt_v1;
extern const limit_ops cpu_rt_v2;

// cgroup_pids.cpp
extern const limit_ops pids_max;

// cgroup_io.cpp
extern const limit_ops io_weight_v1;
extern const limit_ops io_weight_v2;
[[nodiscard]] result<void>
set_device_limits(const container_cgroup& group, list_key key,
                  const std::vector<named_limit>& list);
[[nodiscard]] result<std::vector<named_limit>>
get_device_limits(const container_cgroup& group, list_key key);
/// Of a block device with the numbers "8:0", "/dev/sda" if that is what it is,
/// else the numbers.
[[nodiscard]] std::string device_path(const std::string& numbers);

// cgroup_hugetlb.cpp
[[nodiscard]] result<void>
set_huge_limits(const container_cgroup& group,
                const std::vector<named_limit>& list);
[[nodiscard]] result<std::vector<named_limit>>
get_huge_limits(const container_cgroup& group);

} // namespace reeve::kernel
