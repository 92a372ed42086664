// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_witness.hpp"

#include <algorithm>
#include <csignal>

namespace reeve::supervisor {

oom_limit limit_hit(kernel::cgroup_mode mode, const kernel::oom_counts& before,
                    const kernel::oom_counts& now,
                    const kernel::memory_room& room, std::int64_t peak) {
  if (now.kills <= before.kills)
    return oom_limit::none;
  auto is_exact = mode == kernel::cgroup_mode::v2;
  auto own = now.own_hits > before.own_hits;
  auto outer = now.outer_hits > before.outer_hits;
  if (is_exact ? own : room.own <= peak)
    return oom_limit::own;
  if (outer || (!is_exact && room.outer <= peak))
    return oom_limit::ancestor;
  return own ? oom_limit::own : oom_limit::host;
}

void oom_witness::begin(const kernel::oom_counts& seen) {
  auto lock = std::lock_guard{mutex_};
  seen_ = seen;
}

void oom_witness::expect(pid_t pid) {
  auto lock = std::lock_guard{mutex_};
  expected_.push_back({pid, std::chrono::steady_clock::now()});
}

void oom_witness::expect_everybody() {
  constexpr auto longest = std::chrono::minutes{1}; // we may fail
  auto lock = std::lock_guard{mutex_};
  everybody_until_ = std::chrono::steady_clock::now() + longest;
}

void oom_witness::killed_everybody() {
  constexpr auto late = std::chrono::seconds{1};
  auto lock = std::lock_guard{mutex_};
  everybody_until_ = std::chrono::steady_clock::now() + late;
}

exit_reason oom_witness::explain(const exit_reason& reason, pid_t pid,
                                 const kernel::container_cgroup& group,
                                 std::uint64_t peak) {
  if (reason.kind != exit_kind::signaled || reason.signal != SIGKILL)
    return reason;
  auto lock = std::lock_guard{mutex_};
  // Nobody asks for what a process of ours has started; then its number is
  // another's one day.
  constexpr auto longest = std::chrono::seconds{10};
  auto moment = std::chrono::steady_clock::now();
  while (!expected_.empty() && moment - expected_.front().since > longest)
    expected_.pop_front();
  auto found = std::ranges::find(expected_, pid, &expected_end::pid);
  auto is_named = pid != 0 && found != expected_.end();
  if (is_named)
    expected_.erase(found);
  if (is_named || moment < everybody_until_) {
    // The kernel may have killed it as well: that is explained by this.
    if (auto kills = kernel::oom_kill_count(group);
        kills && *kills > seen_.kills)
      ++seen_.kills;
    return exit_reason::oom(oom_limit::own);
  }
  auto kills = kernel::oom_kill_count(group);
  if (!kills || *kills <= seen_.kills)
    return reason;
  auto now = kernel::read_oom_counts(group);
  if (!now)
    return exit_reason::oom(oom_limit::unknown);
  auto whose =
      limit_hit(group.mode(), seen_, *now, kernel::read_memory_room(group),
                static_cast<std::int64_t>(peak));
  seen_ = *now;
  return exit_reason::oom(whose);
}

} // namespace reeve::supervisor
