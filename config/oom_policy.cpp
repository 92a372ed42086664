// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/oom_policy.hpp"

#include "config/enum_names.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace reeve::config {

namespace {

using namespace std::chrono_literals;

// A smaller step would be a decision for every few pages.
constexpr auto least_step = std::uint64_t{1} << 20U;
constexpr auto most_bytes = std::uint64_t{1} << 60U;
// Everything of the container waits so long.
constexpr auto least_deadline = std::chrono::milliseconds{100};
constexpr auto most_deadline = std::chrono::milliseconds{24h};

constexpr auto forms =
    "kill, kill_largest, kill_group, reclaim_then_kill, raise:STEP:MOST as "
    "\"raise:16M:256M\", or freeze_and_ask:DEADLINE[:kill_group] as "
    "\"freeze_and_ask:30s\"";
constexpr auto raise_range = "raise:STEP:MOST with a step of at least 1M and "
                             "at most 1048576T, as \"raise:16M:256M\"";
constexpr auto ask_range = "freeze_and_ask:DEADLINE with 100ms to 24h, as "
                           "\"freeze_and_ask:30s\"";
constexpr auto fallback_range = "kill_largest or kill_group";

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (;;) {
    auto colon = text.find(':');
    out.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos)
      return out;
    text.remove_prefix(colon + 1);
  }
}

result<void> read_raise(const std::vector<std::string_view>& words,
                        oom_policy& out) {
  if (words.size() != 3)
    return refuse("it has no step, or no end", raise_range);
  auto step = parse_size(words[1]);
  if (!step)
    return tl::unexpected{std::move(step.error())};
  auto most = parse_size(words[2]);
  if (!most)
    return tl::unexpected{std::move(most.error())};
  out.step = *step;
  out.most = *most;
  return {};
}

result<void> read_ask(const std::vector<std::string_view>& words,
                      oom_policy& out) {
  if (words.size() < 2 || words.size() > 3)
    return refuse("it has no deadline", ask_range);
  auto deadline = parse_duration(words[1]);
  if (!deadline)
    return tl::unexpected{std::move(deadline.error())};
  out.deadline = *deadline;
  if (words.size() == 2)
    return {};
  auto fallback = enum_from<oom_action>(words[2]);
  if (!fallback)
    return refuse(in_quotes(words[2]) + " is no fallback", fallback_range);
  out.fallback = *fallback;
  return {};
}

} // namespace

result<oom_policy> parse_oom_policy(std::string_view text) {
  auto words = split(text);
  auto action = enum_from<oom_action>(words.front());
  if (!action)
    return refuse(in_quotes(text) + " is no policy", forms);
  oom_policy out;
  out.action = *action;
  result<void> done;
  if (*action == oom_action::raise)
    done = read_raise(words, out);
  else if (*action == oom_action::freeze_and_ask)
    done = read_ask(words, out);
  else if (words.size() > 1)
    done = refuse(in_quotes(text) + " says too much", in_quotes(words.front()));
  if (done)
    done = check_oom_policy(out);
  if (!done)
    return tl::unexpected{std::move(done.error())};
  return out;
}

std::string format_oom_policy(const oom_policy& policy) {
  auto out = std::string{to_text(policy.action)};
  if (policy.action == oom_action::raise)
    out += ":" + format_size(policy.step) + ":" + format_size(policy.most);
  if (policy.action != oom_action::freeze_and_ask)
    return out;
  out += ":" + format_duration(policy.deadline);
  if (policy.fallback != oom_policy{}.fallback)
    out.append(":").append(to_text(policy.fallback));
  return out;
}

result<void> check_oom_policy(const oom_policy& policy) {
  oom_policy plain;
  plain.action = policy.action;
  if (policy.action == oom_action::raise) {
    if (policy.step < least_step || policy.step > most_bytes)
      return refuse("a step of " + format_size(policy.step)
                        + " is out of range",
                    raise_range);
    if (policy.most < policy.step || policy.most > most_bytes)
      return refuse("an end at " + format_size(policy.most)
                        + " is out of range",
                    raise_range);
    plain.step = policy.step;
    plain.most = policy.most;
  }
  if (policy.action == oom_action::freeze_and_ask) {
    if (policy.deadline < least_deadline || policy.deadline > most_deadline)
      return refuse(format_duration(policy.deadline) + " is out of range",
                    ask_range);
    if (policy.fallback != oom_action::kill_largest
        && policy.fallback != oom_action::kill_group)
      return refuse(in_quotes(to_text(policy.fallback)) + " is no fallback",
                    fallback_range);
    plain.deadline = policy.deadline;
    plain.fallback = policy.fallback;
  }
  if (policy != plain)
    return refuse("a policy has what its action does not need", forms);
  return {};
}

} // namespace reeve::config
