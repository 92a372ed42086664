// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_stats.hpp"
#include "supervisor/exit_reason.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>

namespace reeve::supervisor {

/// Whose limit it was, if the kernel has killed for want of memory between the
/// two readings; `none` if it has not. v2's counters say it. Those of v1 leave
/// it open, so there it is the container's own if it was near that with the
/// victim's `peak` bytes, else an outer one that was near or hit.
[[nodiscard]] oom_limit limit_hit(kernel::cgroup_mode mode,
                                  const kernel::oom_counts& before,
                                  const kernel::oom_counts& now,
                                  const kernel::memory_room& room,
                                  std::int64_t peak);

/// Tells whether a SIGKILL was for want of memory, for all processes of a
/// container. Reads the counters in the path of the exit: a notification of the
/// kill may come later than the end that it explains. Any thread.
class oom_witness {
public:
  /// What was killed up to here is explained.
  void begin(const kernel::oom_counts& seen);

  /// We are about to kill that one, by the policy of the container.
  void expect(pid_t pid);

  /// We are about to kill all, also those that are yet to be born, until
  /// `killed_everybody`. Their ends may be told a little later.
  void expect_everybody();
  void killed_everybody();

  /// `reason`, or the oom kill that it was, of `pid` as the host sees it.
  /// `peak` is the most memory in bytes that the process had.
  [[nodiscard]] exit_reason explain(const exit_reason& reason, pid_t pid,
                                    const kernel::container_cgroup& group,
                                    std::uint64_t peak);

private:
  std::mutex mutex_;
  struct expected_end {
    pid_t pid = 0;
    std::chrono::steady_clock::time_point since;
  };
  std::deque<expected_end> expected_; ///< the oldest first
  std::chrono::steady_clock::time_point everybody_until_{};
  kernel::oom_counts seen_;
};

} // namespace reeve::supervisor
