// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <chrono>
#include <cstdint>
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

} // namespace reeve::kernel
