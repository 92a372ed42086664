// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_stats.hpp"
#include "supervisor/exit_reason.hpp"

#include <cstdint>
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

/// Tells whether a SIGKILL was the kernel's, for all processes of a container.
/// Reads the counters in the path of the exit: a notification of the kill may
/// come later than the end that it explains. Any thread.
class oom_witness {
public:
  /// What was killed up to here is explained.
  void begin(const kernel::oom_counts& seen);

  /// `reason`, or the oom kill that it was. `peak` is the most memory in bytes
  /// that the process had.
  [[nodiscard]] exit_reason explain(const exit_reason& reason,
                                    const kernel::container_cgroup& group,
                                    std::uint64_t peak);

private:
  std::mutex mutex_;
  kernel::oom_counts seen_;
};

} // namespace reeve::supervisor
