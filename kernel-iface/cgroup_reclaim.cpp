// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_reclaim.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_stats.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

/// As much as the kernel may be asked for at once: it takes that all from the
/// container before it looks whether it was enough.
constexpr auto piece = std::uint64_t{16} << 20U;

result<memory_use> read_use(const container_cgroup& group) {
  auto memory = memory_in_use(group);
  if (!memory)
    return tl::make_unexpected(std::move(memory.error()));
  auto swap = swap_in_use(group);
  if (!swap && swap.error().code != ENOENT) // not counted
    return tl::make_unexpected(std::move(swap.error()));
  return memory_use{*memory, swap.value_or(0)};
}

result<void> reclaim_v2(const cgroup_dir& dir, std::uint64_t bytes) {
  auto done = write_text(dir, "memory.reclaim", std::to_string(bytes));
  if (done || done.error().code == EAGAIN) // there is not so much
    return {};
  if (done.error().code == ENOENT)
    return make_error(ENOTSUP, "reclaim memory of", dir.path(),
                      "cgroup2 has memory.reclaim since Linux 5.19");
  return done;
}

/// Down to `least` bytes, piece by piece: the limit is refused where the kernel
/// cannot reclaim enough, and then as much has gone as could.
result<void> lower_v1(const cgroup_dir& dir, std::uint64_t least) {
  for (;;) {
    auto used = read_number(dir, "memory.usage_in_bytes");
    if (!used)
      return tl::make_unexpected(std::move(used.error()));
    if (*used <= least)
      return {};
    auto next = std::max(least, *used - std::min(*used, piece));
    auto done = write_text(dir, "memory.limit_in_bytes", std::to_string(next));
    if (!done && done.error().code == EBUSY)
      return {};
    if (!done)
      return done;
  }
}

/// What is taken back before us; the first refusal of the two.
result<void> put_back_v1(const container_cgroup& group, const cgroup_dir& dir,
                         const std::string& limit) {
  auto done = write_text(dir, "memory.limit_in_bytes", limit);
  auto killing = set_oom_pause(group, oom_pause::off);
  return done ? killing : done;
}

result<void> reclaim_part_v1(const container_cgroup& group,
                             const cgroup_dir& dir, std::uint64_t bytes) {
  auto limit = read_text(dir, "memory.limit_in_bytes");
  if (!limit)
    return tl::make_unexpected(std::move(limit.error()));
  auto used = read_number(dir, "memory.usage_in_bytes");
  if (!used)
    return tl::make_unexpected(std::move(used.error()));
  auto done = set_oom_pause(group, oom_pause::on).and_then([&] {
    return lower_v1(dir, *used - std::min(*used, bytes));
  });
  auto undone = put_back_v1(group, dir, *limit);
  if (!done && !undone)
    return tl::make_unexpected(also(std::move(done.error()), undone.error()));
  return done ? undone : done;
}

result<void> reclaim_v1(const container_cgroup& group, const cgroup_dir& dir,
                        std::uint64_t bytes, bool all) {
  // Whoever is told of a pause would take the lower limit for the end.
  auto pause = get_oom_pause(group);
  if (!pause)
    return tl::make_unexpected(std::move(pause.error()));
  if (all || *pause == oom_pause::on)
    return write_text(dir, "memory.force_empty", "0");
  return reclaim_part_v1(group, dir, bytes);
}

} // namespace

result<reclaimed_memory> reclaim_memory(const container_cgroup& group,
                                        std::uint64_t bytes) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto before = read_use(group);
  if (!before)
    return tl::make_unexpected(std::move(before.error()));
  auto all = bytes >= before->memory;
  auto done = group.mode() == cgroup_mode::v2
                  ? reclaim_v2(*dir, all ? before->memory : bytes)
                  : reclaim_v1(group, *dir, bytes, all);
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  return read_use(group).map([&before](const memory_use& after) {
    return reclaimed_memory{*before, after};
  });
}

result<void> end_reclaim(const container_cgroup& group, std::uint64_t limit) {
  auto pause = get_oom_pause(group);
  if (!pause)
    return tl::make_unexpected(std::move(pause.error()));
  if (*pause == oom_pause::off)
    return {};
  if (group.mode() == cgroup_mode::v2)
    return set_oom_pause(group, oom_pause::off);
  return group.limits_dir(controller::memory)
      .and_then([&](const cgroup_dir& dir) {
        // A policy may have raised it before: nothing is taken away here.
        auto used = read_number(dir, "memory.usage_in_bytes");
        auto least = std::max(limit, used.value_or(0));
        return put_back_v1(group, dir,
                           limit == no_limit ? "-1" : std::to_string(least));
      });
}

} // namespace reeve::kernel
