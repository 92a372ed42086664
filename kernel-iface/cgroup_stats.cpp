// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_stats.hpp"

#include "kernel-iface/cgroup_resources.hpp"

#include <cerrno>

namespace reeve::kernel {

namespace {

/// Moves a reading over, or leaves it empty where the controller is missing.
/// Returns the refusal either way.
template <class T>
std::optional<sys_error> take(result<T> from, std::optional<T>& to) {
  if (!from)
    return std::move(from.error());
  to = *from;
  return std::nullopt;
}

} // namespace

result<container_stats> read_stats(const container_cgroup& group) {
  container_stats stats;
  auto refusals = {take(read_cpu_stats(group), stats.cpu),
                   take(read_memory_stats(group), stats.memory),
                   take(read_pids_stats(group), stats.pids)};
  auto nothing = !stats.cpu && !stats.memory && !stats.pids;
  for (const auto& refusal : refusals)
    if (refusal
        && (nothing || (refusal->code != ENOENT && refusal->code != ENODEV)))
      return tl::make_unexpected(*refusal);
  return stats;
}

} // namespace reeve::kernel
