// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_limits.hpp"

#include "kernel-iface/cgroup_resources.hpp"
#include "kernel-iface/cgroup_sum.hpp"

#include <cerrno>

namespace reeve::kernel {

namespace {

const limit_ops& ops_for(limit_key key, cgroup_mode mode) {
  auto is_v2 = mode == cgroup_mode::v2;
  switch (key) {
  case limit_key::memory_swappiness:
    return is_v2 ? swappiness_v2 : swappiness_v1;
  case limit_key::cpu_max:
    return is_v2 ? cpu_max_v2 : cpu_max_v1;
  case limit_key::cpu_weight:
    return is_v2 ? cpu_weight_v2 : cpu_weight_v1;
  case limit_key::cpu_burst:
    return is_v2 ? cpu_burst_v2 : cpu_burst_v1;
  case limit_key::cpu_idle:
    return cpu_idle;
  case limit_key::cpu_rt:
    return is_v2 ? cpu_rt_v2 : cpu_rt_v1;
  case limit_key::memory_soft:
    return is_v2 ? soft_memory_v2 : soft_memory_v1;
  case limit_key::io_weight:
    return is_v2 ? io_weight_v2 : io_weight_v1;
  case limit_key::pids_max:
    break;
  }
  return pids_max;
}

result<cgroup_dir> dir_of(const container_cgroup& group, const limit_ops& ops) {
  return ops.kind == limit_kind::share ? group.shares_dir(ops.which)
                                       : group.limits_dir(ops.which);
}

} // namespace

result<void> set_limit(const container_cgroup& group, limit_key key,
                       std::uint64_t value) {
  const auto& ops = ops_for(key, group.mode());
  if (ops.summed_file == nullptr)
    return dir_of(group, ops).and_then([&](const cgroup_dir& dir) {
      return ops.set(dir, value);
    });
  auto done = set_summed(group, ops.which, ops.summed_file,
                         value == no_limit ? 0 : value);
  if (!done)
    ops.explain(done.error());
  return done;
}

result<std::uint64_t> get_limit(const container_cgroup& group, limit_key key) {
  const auto& ops = ops_for(key, group.mode());
  return dir_of(group, ops).and_then(ops.get);
}

result<void> set_named_limits(const container_cgroup& group, list_key key,
                              const std::vector<named_limit>& list) {
  return key == list_key::hugetlb_max ? set_huge_limits(group, list)
                                      : set_device_limits(group, key, list);
}

result<std::vector<named_limit>> get_named_limits(const container_cgroup& group,
                                                  list_key key) {
  return key == list_key::hugetlb_max ? get_huge_limits(group)
                                      : get_device_limits(group, key);
}

} // namespace reeve::kernel
