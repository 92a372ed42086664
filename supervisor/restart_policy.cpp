// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/restart_policy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

namespace reeve::supervisor {

using std::chrono::milliseconds;

moment this_moment() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  auto fraction = std::uniform_real_distribution<double>{0, 1};
  return {std::chrono::steady_clock::now(), fraction(engine)};
}

bool wants_restart(config::restart_type type, const exit_reason& reason) {
  if (reason.kind == exit_kind::stopped || reason.kind == exit_kind::gave_up)
    return false;
  switch (type) {
  case config::restart_type::permanent:
    return true;
  case config::restart_type::transient:
    return !is_normal(reason);
  case config::restart_type::temporary:
    return false;
  }
  return false;
}

bool matches(const config::end_pattern& pattern, const exit_reason& reason) {
  auto in_range = [&pattern](int value) {
    return value >= pattern.first && value <= pattern.last;
  };
  switch (pattern.cause) {
  case config::end_cause::exit:
    return reason.kind == exit_kind::exited && in_range(reason.code);
  case config::end_cause::signal:
    return reason.kind == exit_kind::signaled && in_range(reason.signal);
  case config::end_cause::oom:
    return reason.kind == exit_kind::oom;
  case config::end_cause::start_failed:
    return reason.kind == exit_kind::start_failed;
  }
  return false;
}

namespace {

std::optional<std::size_t> rule_for(const config::restart_policy& policy,
                                    const exit_reason& reason) {
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    if (std::ranges::any_of(policy.rules[i].on, [&](const auto& pattern) {
          return matches(pattern, reason);
        }))
      return i;
  return std::nullopt;
}

} // namespace

bool wants_restart(const config::restart_policy& policy,
                   const exit_reason& reason) {
  if (auto rule = rule_for(policy, reason))
    if (auto says = policy.rules[*rule].restart)
      return *says;
  return wants_restart(policy.type, reason);
}

bool may_come_back(const config::restart_policy& policy) {
  return policy.type != config::restart_type::temporary
         || std::ranges::any_of(policy.rules, [](const auto& rule) {
              return rule.restart.value_or(false);
            });
}

config::restart_policy policy_for_defects() {
  using namespace std::chrono_literals;
  config::restart_policy out;
  out.max_restarts = std::numeric_limits<unsigned>::max();
  out.window = 1s;
  out.backoff_min = 10ms;
  out.backoff_max = 1s;
  out.reset_after = 10s;
  return out;
}

restart_tracker::restart_tracker(config::restart_policy policy,
                                 restart_snapshot from)
    : policy_{std::move(policy)},
      state_{std::move(from)} {}

void restart_tracker::on_started(time_point since) {
  state_.started = since;
  state_.running = true;
}

verdict restart_tracker::on_exit(const exit_reason& reason, moment at) {
  if (wants_restart(policy_, reason))
    return again(rule_for(policy_, reason), at);
  state_.running = false;
  return {restart_action::do_not_restart};
}

verdict restart_tracker::again(moment at) {
  return again(std::nullopt, at);
}

verdict restart_tracker::again(std::optional<std::size_t> rule, moment at) {
  auto was_running = std::exchange(state_.running, false);
  // Only a run that began can have been healthy: a start that fails slowly
  // must not reset the back-off.
  if (was_running && at.now - state_.started >= policy_.reset_after)
    state_.failures = 0;

  auto delay = backoff(at.random);
  auto when = at.now + delay;
  auto& restarts = state_.restarts;
  std::erase_if(restarts, [&](const past_restart& past) {
    return past.at < when - policy_.window;
  });
  if (restarts.size() >= policy_.max_restarts || (rule && is_used_up(*rule)))
    return {restart_action::give_up};
  restarts.push_back({when, rule});
  ++state_.failures;
  return {restart_action::restart, delay};
}

void restart_tracker::reset() {
  state_ = {};
}

std::size_t restart_tracker::restarts_in_window(time_point now) const {
  auto counts = [&](const past_restart& past) {
    return past.at >= now - policy_.window;
  };
  return static_cast<std::size_t>(
      std::count_if(state_.restarts.begin(), state_.restarts.end(), counts));
}

// Of those that the window still has.
bool restart_tracker::is_used_up(std::size_t rule) const {
  auto most = policy_.rules[rule].max_restarts;
  auto used = std::ranges::count(state_.restarts, std::optional{rule},
                                 &past_restart::rule);
  return most && static_cast<std::size_t>(used) >= *most;
}

milliseconds restart_tracker::backoff(double random) const {
  auto low = static_cast<double>(policy_.backoff_min.count());
  auto high = std::max(low, static_cast<double>(policy_.backoff_max.count()));
  if (state_.failures == 0 || high <= 0)
    return milliseconds{0};
  // The power may be infinite; min() then gives the upper bound. A `low` of 0
  // must not meet it (0 * inf is not a number).
  auto base =
      low <= 0 ? 0.0
               : std::clamp(
                   low * std::pow(policy_.backoff_factor, state_.failures - 1),
                   low, high);
  // Clamping a jittered value would pile up half of all delays on the bounds,
  // just where many processes wait together; so the range is clamped instead.
  auto from = std::max(low, base * (1 - policy_.jitter));
  auto to = std::min(high, base * (1 + policy_.jitter));
  auto share = std::clamp(random, 0.0, 1.0);
  return milliseconds{std::llround(from + (to - from) * share)};
}

} // namespace reeve::supervisor
