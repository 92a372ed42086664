// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace reeve::kernel {

struct cpu_stats {
  std::chrono::nanoseconds usage{};
  std::chrono::nanoseconds user{};
  std::chrono::nanoseconds system{};
  std::uint64_t throttled_periods = 0;
  std::chrono::nanoseconds throttled{};
};

struct memory_stats {
  std::uint64_t current = 0; ///< bytes
  std::uint64_t peak = 0;    ///< bytes
  std::uint64_t limit = 0;   ///< bytes, or no_limit
  std::uint64_t oom_kills = 0;
};

struct pids_stats {
  std::uint64_t current = 0;
  std::uint64_t limit = 0; ///< or no_limit
};

/// Of the user processes; the holder counts only for cpu on v1. A resource
/// whose controller the machine lacks is empty.
struct container_stats {
  std::optional<cpu_stats> cpu;
  std::optional<memory_stats> memory;
  std::optional<pids_stats> pids;
};

/// About ten small reads. Fails if there is nothing at all to read.
[[nodiscard]] result<container_stats> read_stats(const container_cgroup& group);

/// Bytes, as the limit counts them: page cache is among them.
[[nodiscard]] result<std::uint64_t>
memory_in_use(const container_cgroup& group);

/// How many processes the kernel killed for want of memory. On v1 those of
/// nested groups are counted there and not here.
[[nodiscard]] result<std::uint64_t>
oom_kill_count(const container_cgroup& group);

/// What tells whose limit the kernel killed for.
struct oom_counts {
  std::uint64_t kills = 0; ///< see `oom_kill_count`
  /// How often the container's limit, and one of the groups that enclose it,
  /// was hit. v2 counts the times that only a kill could help. v1 counts also
  /// those when something was reclaimed, and not all where swap counts, too.
  std::uint64_t own_hits = 0;
  std::uint64_t outer_hits = 0;

  bool operator==(const oom_counts&) const = default;
};

/// A few small reads for each group up to the root of the hierarchy.
[[nodiscard]] result<oom_counts> read_oom_counts(const container_cgroup& group);

/// Bytes that are left until seven eighths of a limit are in use; negative
/// beyond that.
struct memory_room {
  static constexpr auto endless = std::numeric_limits<std::int64_t>::max();

  std::int64_t own = endless;
  std::int64_t outer = endless; ///< the least of the groups that enclose it
};

/// A few small reads for each group up to the root of the hierarchy. What
/// cannot be read has no limit.
[[nodiscard]] memory_room read_memory_room(const container_cgroup& group);

} // namespace reeve::kernel
