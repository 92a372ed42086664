// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/amount_list.hpp"
#include "config/error.hpp"
#include "config/oom_policy.hpp"
#include "config/rlimit.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace reeve::config {

/// One limit as asked for, which is one of three things: absent leaves what
/// is in force, a value sets it, unlimited takes the limit away.
template <class T>
class limit_value {
public:
  constexpr limit_value() = default;

  /// Implicit, so that `limits{.pids = 100}` reads as it should.
  constexpr limit_value(T value)
      : kind_{kind::value},
        value_{std::move(value)} {}

  [[nodiscard]] static constexpr limit_value unlimited() {
    auto max = limit_value{};
    max.kind_ = kind::unlimited;
    return max;
  }

  [[nodiscard]] constexpr bool is_absent() const {
    return kind_ == kind::absent;
  }

  [[nodiscard]] constexpr bool is_unlimited() const {
    return kind_ == kind::unlimited;
  }

  /// The number to set; empty when absent or unlimited.
  [[nodiscard]] constexpr std::optional<T> value() const {
    return kind_ == kind::value ? std::optional{value_} : std::nullopt;
  }

  bool operator==(const limit_value&) const = default;

private:
  enum class kind : std::uint8_t { absent, value, unlimited };

  kind kind_ = kind::absent;
  T value_{};
};

/// Of each process, by the number of the resource: what one has that asks for
/// nothing, and the most that one has which does.
using rlimit_list = std::array<limit_value<rlimit_pair>, rlimit_count>;

/// Limits of one container. All absent means "change nothing", which is what
/// an update starts from; see `container_limits` for a new container's.
struct limits {
  /// Bytes of memory, page cache included.
  limit_value<std::uint64_t> memory_bytes;
  /// Bytes of swap beside them. Only where there is a limit of memory, of which
  /// absent is then 0.
  limit_value<std::uint64_t> swap_bytes;
  /// 0..200: what is rather written to swap than dropped from the page cache,
  /// see vm.swappiness in the kernel's sysctl/vm.rst. No "unlimited".
  limit_value<std::uint64_t> swappiness;
  /// Bytes of its memory that others' memory is taken before, where the machine
  /// is short of it.
  limit_value<std::uint64_t> memory_soft_bytes;
  /// Processors' worth of time: 0.5 is half of one processor.
  limit_value<double> cpus;
  /// Share under contention, 1..10000 as cgroup v2 counts; the kernel's own
  /// default is 100. It has no "unlimited".
  limit_value<std::uint64_t> cpu_weight;
  /// Milliseconds of processor time that may be saved up while less than `cpus`
  /// is used, and spent beyond it; at most what `cpus` gives in 100 ms. It has
  /// no "unlimited".
  limit_value<std::uint64_t> cpu_burst_ms;
  /// Runs only when nobody else wants to; the weight has no meaning then. No
  /// "unlimited".
  limit_value<bool> cpu_idle;
  /// Part of each processor's time, 0..1, for tasks of real-time classes, of
  /// which there are none without. No "unlimited".
  limit_value<double> cpu_rt;
  /// Processors it may run on, and memory nodes it may take memory from, as the
  /// kernel spells lists: "0-3,8". Unlimited: those of the group above.
  limit_value<std::string> cpuset_cpus;
  limit_value<std::string> cpuset_mems;
  /// Processes and threads.
  limit_value<std::uint64_t> pids;
  /// Share of a disk's time under contention, 1..1000; the kernel's own default
  /// is 100. No "unlimited".
  limit_value<std::uint64_t> io_weight;
  /// Bytes and operations per second, of each device that is named. Unlimited:
  /// of none.
  limit_value<amount_list> io_read_bps;
  limit_value<amount_list> io_write_bps;
  limit_value<amount_list> io_read_iops;
  limit_value<amount_list> io_write_iops;
  /// Bytes in huge pages of each size that is named. Unlimited: of none.
  limit_value<amount_list> hugetlb_bytes;
  /// Bytes of page cache that is to be written to a disk, at least 4 MiB. The
  /// kernel has no such limit: see supervisor/dirty_keeper.hpp.
  limit_value<std::uint64_t> dirty_bytes;
  /// What happens at the limit of memory. No "unlimited".
  limit_value<oom_policy> on_oom;
  rlimit_list rlimits;

  bool operator==(const limits&) const = default;
};

/// What a container gets that asks for nothing: 2048 pids against fork bombs.
/// The rest stays absent, since a new cgroup starts without limits.
inline const auto container_limits = limits{.pids = 2048};

/// Names of one limit: `key` for `reeve set` and `reeve get`, `field` in the
/// `limits` table of a spec.
struct limit_name {
  std::string_view key;
  std::string_view field;
};

/// All of them, in the order in which they are shown.
[[nodiscard]] std::span<const limit_name> limit_names();

/// Sets one limit from text such as "64M", "0.5", "0-3" or "max". Range and
/// form are checked; on an error `out` is unchanged. An unknown key's error
/// lists the known ones and the nearest.
[[nodiscard]] result<void> set_key(limits& out, std::string_view key,
                                   std::string_view text);

/// Makes one limit absent again. Unknown keys are an error as in `set_key`.
[[nodiscard]] result<void> clear_key(limits& out, std::string_view key);

/// The key "rlimit.NAME" of a resource, below `rlimit_count`.
[[nodiscard]] std::string_view rlimit_key(std::size_t resource);

/// The limit as `set_key` reads it; empty text when absent.
[[nodiscard]] result<std::string> to_text(const limits& in,
                                          std::string_view key);

/// The limit is what a group has that nobody has limited: to set it takes
/// nothing away where there is no such limit. Unknown keys are not.
[[nodiscard]] bool is_none(const limits& in, std::string_view key);

/// Checks the ranges that `set_key` checks, for limits built in code, and that
/// no two of them exclude each other. The key of an error is the name of the
/// field.
[[nodiscard]] result<void> check_ranges(const limits& in);

/// That of all limits of a container: beside the ranges, what one needs of
/// another.
[[nodiscard]] result<void> check_as_whole(const limits& in);

/// `into` with all that are not absent in `change`, and without what has no
/// meaning any more.
[[nodiscard]] limits merged(limits into, const limits& change);

} // namespace reeve::config
