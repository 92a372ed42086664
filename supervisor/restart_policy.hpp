// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/restart_policy.hpp"
#include "supervisor/exit_reason.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace reeve::supervisor {

using time_point = std::chrono::steady_clock::time_point;

/// The outside world as a decision sees it: the time and one random number
/// from 0 to 1. An argument everywhere, so that tests own both.
struct moment {
  time_point now;
  double random = 0.5;
};

/// Of the real world.
[[nodiscard]] moment this_moment();

enum class restart_action : std::uint8_t { restart, do_not_restart, give_up };

struct verdict {
  restart_action action = restart_action::do_not_restart;
  std::chrono::milliseconds delay{0}; ///< before a restart

  bool operator==(const verdict&) const = default;
};

/// Whether a process of this type is started again after such an end, as long
/// as it does not happen too often. What was stopped or given up is not.
[[nodiscard]] bool wants_restart(config::restart_type type,
                                 const exit_reason& reason);

/// The same with the rules of a policy, which count before its type.
[[nodiscard]] bool wants_restart(const config::restart_policy& policy,
                                 const exit_reason& reason);

/// Whether there is an end of its own that such a policy answers by a restart.
[[nodiscard]] bool may_come_back(const config::restart_policy& policy);

/// Whether it is such an end. What was stopped, given up or lost is none.
[[nodiscard]] bool matches(const config::end_pattern& pattern,
                           const exit_reason& reason);

struct past_restart {
  time_point at;
  std::optional<std::size_t> rule; ///< of the policy, that its end matched

  bool operator==(const past_restart&) const = default;
};

/// What a tracker knows: plain data to store and to continue from. The clock
/// is the kernel's monotonic one, so this outlives the daemon but not a reboot.
struct restart_snapshot {
  std::vector<past_restart> restarts; ///< oldest first, some may be over
  unsigned failures = 0;              ///< restarts since health
  time_point started{};
  bool running = false;

  bool operator==(const restart_snapshot&) const = default;
};

/// For actors that fail: at once, then with a growing pause, up to a second,
/// for ever. Processes go on meanwhile, and somebody has to see their ends.
[[nodiscard]] config::restart_policy policy_for_defects();

/// Decides whether and when one process is started again.
///
/// - **Intensity** as in OTP: at most `max_restarts` in any stretch of
///   `window`. The moments that count are those of the restarts themselves,
///   not of the exits before them, so a back-off never hides a burst. A rule
///   of the policy may allow fewer after some ends.
/// - **Back-off**: the first restart after health is immediate (most ends are
///   accidents, and the peers are waiting); the next wait `backoff_min` times
///   `backoff_factor` to the power 0, 1, 2, ... up to `backoff_max`. Jitter
///   spreads a delay around its value and stays inside both bounds.
/// - **Health**: a run of `reset_after` resets the back-off, never the window:
///   otherwise a process that dies every `reset_after` would restart for ever.
/// - **A start by hand** resets both: call `reset`.
class restart_tracker {
public:
  restart_tracker() = default;
  explicit restart_tracker(config::restart_policy policy,
                           restart_snapshot from = {});

  /// The process runs; its health counts from `since`.
  void on_started(time_point since);

  [[nodiscard]] verdict on_exit(const exit_reason& reason, moment at);

  /// The same when a restart is wanted anyway, whatever has happened.
  [[nodiscard]] verdict again(moment at);

  void reset();

  /// Restarts that the intensity limit counts now, for `reeve tree`.
  [[nodiscard]] std::size_t restarts_in_window(time_point now) const;

  [[nodiscard]] const config::restart_policy& policy() const {
    return policy_;
  }

  [[nodiscard]] const restart_snapshot& state() const {
    return state_;
  }

  bool operator==(const restart_tracker&) const = default;

private:
  [[nodiscard]] std::chrono::milliseconds backoff(double random) const;
  [[nodiscard]] bool is_used_up(std::size_t rule) const;
  [[nodiscard]] verdict again(std::optional<std::size_t> rule, moment at);

  config::restart_policy policy_;
  restart_snapshot state_;
};

} // namespace reeve::supervisor
