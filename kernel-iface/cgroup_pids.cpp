// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"

#include <string>

namespace reeve::kernel {

namespace {

constexpr auto* limit_file = "pids.max";

result<void> set_max(const cgroup_dir& dir, std::uint64_t value) {
  return write_text(dir, limit_file,
                    value == no_limit ? "max" : std::to_string(value));
}

result<std::uint64_t> get_max(const cgroup_dir& dir) {
  return read_number(dir, limit_file);
}

} // namespace

/// v1 and v2 agree.
const limit_ops pids_max{controller::pids, set_max, get_max};

result<pids_stats> read_pids_stats(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::pids);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto current = read_number(*dir, "pids.current");
  if (!current)
    return tl::make_unexpected(std::move(current.error()));
  return get_max(*dir).map([&](std::uint64_t limit) {
    return pids_stats{*current, limit};
  });
}

} // namespace reeve::kernel
