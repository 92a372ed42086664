// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_decision.hpp"

#include "config/enum_names.hpp"
#include "config/limits.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using config::in_quotes;
using config::oom_action;
using config::refuse;
using namespace std::chrono_literals;

namespace {

constexpr auto forms = "kill_largest, kill_group, raise:LIMIT as "
                       "\"raise:256M\", or wait:TIME as \"wait:30s\"";

oom_step kill_step(oom_action how) {
  return {how == oom_action::kill_group ? oom_step::kind::kill_group
                                        : oom_step::kind::kill_largest};
}

config::result<oom_step> raise_to(std::string_view text, std::uint64_t limit) {
  auto value = config::parse_size(text);
  if (!value)
    return tl::unexpected{std::move(value.error())};
  auto checked = config::limits{};
  if (auto good = config::set_key(checked, "memory.limit", text); !good)
    return tl::unexpected{std::move(good.error())};
  if (*value <= limit)
    return refuse(in_quotes(text) + " is no more than the limit in force",
                  "more than " + config::format_size(limit));
  return oom_step{oom_step::kind::raise, *value};
}

config::result<oom_step> wait_for(std::string_view text) {
  auto time = config::parse_duration(text);
  if (!time)
    return tl::unexpected{std::move(time.error())};
  if (*time < 100ms || *time > 24h)
    return refuse(in_quotes(text) + " is out of range", "100ms to 24h");
  return oom_step{oom_step::kind::wait, 0, *time};
}

std::string_view name_of(oom_step::kind what) {
  switch (what) {
  case oom_step::kind::kill_largest:
    return "kill_largest";
  case oom_step::kind::kill_group:
    return "kill_group";
  case oom_step::kind::raise:
    return "raise";
  case oom_step::kind::reclaim:
    return "reclaim";
  case oom_step::kind::ask:
    return "ask";
  case oom_step::kind::wait:
    return "wait";
  }
  return "?";
}

} // namespace

oom_step next_step(const config::oom_policy& policy, std::uint64_t limit,
                   oom_progress tried) {
  switch (policy.action) {
  case oom_action::raise:
    if (limit < policy.most && !tried.raise_refused)
      return {oom_step::kind::raise,
              std::min(limit + policy.step, policy.most)};
    break;
  case oom_action::reclaim_then_kill:
    if (!tried.reclaimed)
      return {oom_step::kind::reclaim};
    break;
  case oom_action::freeze_and_ask:
    if (!tried.asked)
      return {oom_step::kind::ask, 0, policy.deadline};
    return kill_step(policy.fallback);
  case oom_action::kill:
  case oom_action::kill_largest:
  case oom_action::kill_group:
    break;
  }
  return kill_step(policy.action);
}

config::result<oom_step> parse_decision(std::string_view text,
                                        std::uint64_t limit) {
  auto colon = text.find(':');
  auto verb = text.substr(0, colon);
  auto rest = colon == std::string_view::npos ? std::string_view{}
                                              : text.substr(colon + 1);
  if (text == "kill_largest" || text == "kill_group")
    return kill_step(*config::enum_from<oom_action>(text));
  if (verb == "raise" && !rest.empty())
    return raise_to(rest, limit);
  if (verb == "wait" && !rest.empty())
    return wait_for(rest);
  return refuse(in_quotes(text) + " is no decision", forms);
}

std::string to_text(const oom_step& step) {
  auto out = "decision=" + std::string{name_of(step.what)};
  if (step.what == oom_step::kind::raise)
    out += ":" + config::format_size(step.limit);
  if (step.patience > 0ms)
    out += ":" + config::format_duration(step.patience);
  return out;
}

std::string to_text(const oom_figures& figures) {
  auto out = "limit=" + config::format_size(figures.limit);
  for (auto [name, bytes] :
       {std::pair{"in_use", figures.in_use}, std::pair{"swap", figures.swap},
        std::pair{"anon", figures.anon}, std::pair{"file", figures.file}})
    out.append(" ").append(name).append("=").append(config::format_size(bytes));
  out += " processes=" + std::to_string(figures.processes);
  if (figures.largest_pid != 0)
    out += " largest=" + std::to_string(figures.largest_pid) + ":"
           + config::format_size(figures.largest_bytes);
  return out;
}

} // namespace reeve::supervisor
