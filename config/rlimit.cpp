// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/rlimit.hpp"

#include "config/names.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>

namespace reeve::config {

namespace {

constexpr auto range =
    "\"BOTH\" or \"SOFT:HARD\", each a number, a size such as "
    "64M, or \"max\"";

result<std::uint64_t> parse_part(std::string_view text) {
  if (text == "max" || text == "unlimited")
    return rlimit_pair::unlimited;
  return parse_size(text);
}

bool is_in_bytes(std::size_t resource) {
  constexpr auto all = std::to_array<std::string_view>(
      {"fsize", "data", "stack", "core", "rss", "memlock", "as", "msgqueue"});
  return std::ranges::count(all, rlimit_names()[resource]) != 0;
}

std::string format_part(std::uint64_t value, bool is_size) {
  if (value == rlimit_pair::unlimited)
    return "max";
  return is_size ? format_size(value) : std::to_string(value);
}

} // namespace

result<rlimit_pair> parse_rlimit(std::string_view text) {
  auto colon = text.find(':');
  auto soft = parse_part(text.substr(0, colon));
  auto hard = colon == text.npos ? soft : parse_part(text.substr(colon + 1));
  if (!soft || !hard)
    return refuse(in_quotes(text) + " is no limit of a process", range);
  return rlimit_pair{*soft, *hard};
}

std::string format_rlimit(const rlimit_pair& limit, std::size_t resource) {
  auto is_size = is_in_bytes(resource);
  auto soft = format_part(limit.soft, is_size);
  return limit.soft == limit.hard
             ? soft
             : soft + ":" + format_part(limit.hard, is_size);
}

result<void> check_rlimit(const rlimit_pair& limit) {
  if (limit.soft > limit.hard)
    return refuse("the soft limit, " + format_part(limit.soft, false)
                      + ", is more than the hard one",
                  "at most " + format_part(limit.hard, false));
  return {};
}

} // namespace reeve::config
