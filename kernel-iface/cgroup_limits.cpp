// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_limits.hpp"

#include "kernel-iface/cgroup_resources.hpp"

#include <cerrno>

namespace reeve::kernel {

namespace {

const limit_ops& ops_for(limit_key key, cgroup_mode mode) {
  auto is_v2 = mode == cgroup_mode::v2;
  switch (key) {
  case limit_key::memory_max:
    return is_v2 ? memory_max_v2 : memory_max_v1;
  case limit_key::cpu_max:
    return is_v2 ? cpu_max_v2 : cpu_max_v1;
  case limit_key::cpu_weight:
    return is_v2 ? cpu_weight_v2 : cpu_weight_v1;
  case limit_key::cpu_burst:
    return is_v2 ? cpu_burst_v2 : cpu_burst_v1;
  case limit_key::pids_max:
    break;
  }
  return pids_max;
}

} // namespace

result<void> set_limit(const container_cgroup& group, limit_key key,
                       std::uint64_t value) {
  const auto& ops = ops_for(key, group.mode());
  return group.limits_dir(ops.which).and_then(
      [&](const cgroup_dir& dir) { return ops.set(dir, value); });
}

result<std::uint64_t> get_limit(const container_cgroup& group, limit_key key) {
  const auto& ops = ops_for(key, group.mode());
  return group.limits_dir(ops.which).and_then(ops.get);
}

} // namespace reeve::kernel
