// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/restart_policy.hpp"

#include "config/names.hpp"
#include "config/text.hpp"

#include <charconv>
#include <utility>

namespace reeve::config {

namespace {

constexpr auto highest_signal = 64;
constexpr auto known_patterns =
    "exit, exit:CODE, exit:FIRST-LAST with codes from 0 to 255, signal, "
    "signal:NAME, oom or start_failed";

constexpr end_pattern any_exit{end_cause::exit, 0, 255};
constexpr end_pattern any_signal{end_cause::signal, 1, highest_signal};
constexpr end_pattern any_oom{end_cause::oom, 0, 0};
constexpr end_pattern any_failed_start{end_cause::start_failed, 0, 0};

tl::unexpected<config_error> not_a_pattern(std::string_view text) {
  return refuse(in_quotes(text) + " is no end of a process", known_patterns);
}

std::optional<int> exit_code(std::string_view text) {
  auto value = 0;
  const auto* end = text.data() + text.size();
  auto [stop, err] = std::from_chars(text.data(), end, value);
  if (err != std::errc{} || stop != end || value < 0 || value > 255)
    return std::nullopt;
  return value;
}

std::string signal_text(int number) {
  auto names = signal_names(); // those of the real-time ones are not unique
  auto index = static_cast<std::size_t>(number - 1);
  return index < names.size() ? "SIG" + std::string{names[index]}
                              : std::to_string(number);
}

} // namespace

result<end_pattern> parse_end_pattern(std::string_view text) {
  if (text == "exit")
    return any_exit;
  if (text == "signal")
    return any_signal;
  if (text == "oom")
    return any_oom;
  if (text == "start_failed")
    return any_failed_start;
  auto colon = text.find(':');
  if (colon == text.npos)
    return not_a_pattern(text);
  auto cause = text.substr(0, colon);
  auto value = text.substr(colon + 1);
  if (cause == "signal") {
    auto number = signal_number(value);
    if (!number)
      return not_a_pattern(text);
    return end_pattern{end_cause::signal, *number, *number};
  }
  if (cause != "exit")
    return not_a_pattern(text);
  auto dash = value.find('-');
  auto first = exit_code(value.substr(0, dash));
  auto last = dash == value.npos ? first : exit_code(value.substr(dash + 1));
  if (!first || !last || *first > *last)
    return not_a_pattern(text);
  return end_pattern{end_cause::exit, *first, *last};
}

std::string to_text(const end_pattern& pattern) {
  switch (pattern.cause) {
  case end_cause::exit: {
    if (pattern == any_exit)
      return "exit";
    auto out = "exit:" + std::to_string(pattern.first);
    if (pattern.last != pattern.first)
      out += '-' + std::to_string(pattern.last);
    return out;
  }
  case end_cause::signal:
    if (pattern == any_signal)
      return "signal";
    return "signal:" + signal_text(pattern.first);
  case end_cause::oom:
    return "oom";
  case end_cause::start_failed:
    return "start_failed";
  }
  return {};
}

} // namespace reeve::config
