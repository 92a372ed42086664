// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/start_turns.hpp"

#include <algorithm>

namespace reeve::supervisor {

namespace {

using config::restart_strategy;
using phase = process_phase;

enum class standing : std::uint8_t { there, to_come, not_there };

// A job that is done is as good as a service that is ready.
standing standing_of(const peer& who) {
  if (who.phase == phase::running && who.ready && !who.stands_by)
    return standing::there;
  if (is_live(who.phase) || who.is_expected)
    return standing::to_come;
  auto is_done = who.phase == phase::exited && who.last
                 && *who.last == exit_reason::exited(0);
  return is_done ? standing::there : standing::not_there;
}

bool are_grouped(const peer& one, const peer& other) {
  return one.group && one.group == other.group;
}

bool goes_down(const peer& who) {
  return who.stands_by || who.phase == phase::stopping;
}

bool comes_up(const peer& who) {
  return who.is_expected || who.phase == phase::starting
         || who.phase == phase::waiting || who.phase == phase::backing_off;
}

// Whether the peer at `at` is not started while the one at `other` is as it is.
bool holds_up(const peer& other, bool stands_before,
              restart_strategy strategy) {
  switch (strategy) {
  case restart_strategy::one_for_one:
    return false;
  case restart_strategy::one_for_all:
    return goes_down(other) || other.phase == phase::backing_off
           || (stands_before && comes_up(other));
  case restart_strategy::rest_for_one:
    return goes_down(other) || (stands_before && comes_up(other));
  }
  return false;
}

} // namespace

turn_verdict turn_of(std::span<const peer> all, std::size_t at,
                     restart_strategy strategy) {
  auto out = turn_verdict{turn::start, {}};
  auto refused = turn_verdict{turn::refuse, {}};
  const auto& who = all[at];
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == at)
      continue;
    auto is_needed = std::ranges::find(who.after, all[i].id) != who.after.end();
    auto as_need = is_needed ? standing_of(all[i]) : standing::there;
    if (as_need == standing::not_there)
      refused.whom.emplace_back(all[i].id);
    else if (as_need == standing::to_come
             || (are_grouped(who, all[i])
                 && holds_up(all[i], i < at, strategy)))
      out.whom.emplace_back(all[i].id);
  }
  if (!refused.whom.empty())
    return refused;
  if (!out.whom.empty())
    out.what = turn::wait;
  return out;
}

std::vector<std::size_t> fall_with(std::span<const peer> all, std::size_t at,
                                   restart_strategy strategy) {
  auto out = std::vector<std::size_t>{};
  if (strategy == restart_strategy::one_for_one)
    return out;
  auto first = strategy == restart_strategy::one_for_all ? 0 : at + 1;
  for (auto i = all.size(); i-- > first;)
    if (i != at && are_grouped(all[at], all[i]))
      out.push_back(i);
  return out;
}

bool may_stop(std::span<const peer> all, std::size_t at) {
  return std::ranges::none_of(all, [&](const peer& other) {
    return is_live(other.phase)
           && std::ranges::find(other.after, all[at].id) != other.after.end();
  });
}

} // namespace reeve::supervisor
