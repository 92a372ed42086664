// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reeve::kernel {

struct cpu_stats {
  std::chrono::nanoseconds usage{};
  std::chrono::nanoseconds user{};
  std::chrono::nanoseconds system{};
  std::uint64_t periods = 0;           ///< of a quota, in which it ran
  std::uint64_t throttled_periods = 0; ///< at whose end it had to wait
  std::chrono::nanoseconds throttled{};
};

/// Bytes, where nothing else is said.
struct memory_stats {
  std::uint64_t current = 0; ///< page cache is among it
  std::uint64_t peak = 0;
  std::uint64_t limit = 0; ///< or no_limit; on v1 the least of all above, too
  std::uint64_t swap = 0;
  std::uint64_t anon = 0;  ///< of no file: heaps, stacks
  std::uint64_t file = 0;  ///< page cache, with tmpfs
  std::uint64_t shmem = 0; ///< tmpfs and shared memory
  std::uint64_t active_anon = 0;
  std::uint64_t inactive_anon = 0;
  std::uint64_t active_file = 0;
  std::uint64_t inactive_file = 0;
  std::uint64_t dirty = 0;     ///< page cache that is to be written
  std::uint64_t writeback = 0; ///< is just being written
  std::uint64_t faults = 0;    ///< number, the major ones among them
  std::uint64_t major_faults = 0;
  std::uint64_t limit_hits = 0; ///< number; see `oom_counts`
  std::uint64_t oom_kills = 0;  ///< number
};

struct pids_stats {
  std::uint64_t current = 0;
};

/// What was done to one disk in the name of the group; see
/// `list_key::io_read_bps` for what v1 leaves out.
struct disk_stats {
  std::string device; ///< its path in /dev, or its numbers
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

/// Percentages of the last 10, 60 and 300 seconds in which somebody had to
/// wait, and the sum of that time. Documentation/accounting/psi.rst.
struct pressure_line {
  double avg10 = 0;
  double avg60 = 0;
  double avg300 = 0;
  std::chrono::nanoseconds total{};
};

struct pressure {
  pressure_line some; ///< at least one
  pressure_line full; ///< all that were not idle
};

/// Of the user processes; the holder counts only for the processor, the disks
/// and the pressure on v1. What the machine does not tell is empty.
struct container_stats {
  std::chrono::nanoseconds taken{}; ///< CLOCK_MONOTONIC
  std::optional<cpu_stats> cpu;
  std::optional<memory_stats> memory;
  std::optional<pids_stats> pids;
  std::optional<std::vector<disk_stats>> disks;
  std::optional<pressure> cpu_pressure;
  std::optional<pressure> memory_pressure;
  std::optional<pressure> io_pressure;
};

/// Reads them again and again: one pass over the files, whose descriptors may
/// be kept. For one thread at a time. Least kernel as for the files; v2's peak
/// is 0 before Linux 5.19.
class stats_reader {
public:
  explicit stats_reader(container_cgroup group);
  stats_reader(const stats_reader&) = delete;
  stats_reader& operator=(const stats_reader&) = delete;
  stats_reader(stats_reader&&) noexcept;
  stats_reader& operator=(stats_reader&&) noexcept;
  ~stats_reader();

  /// As many descriptors as it may have open.
  [[nodiscard]] unsigned most_descriptors() const;

  /// Fails if the group is gone. With `keeps` the descriptors stay open, which
  /// makes the next reading four times as fast.
  [[nodiscard]] result<container_stats> read(bool keeps = false);

  void close();

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Bytes, as the limit counts them: page cache is among them.
[[nodiscard]] result<std::uint64_t>
memory_in_use(const container_cgroup& group);

/// Bytes; ENOENT where the kernel does not count them.
[[nodiscard]] result<std::uint64_t> swap_in_use(const container_cgroup& group);

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
