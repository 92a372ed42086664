// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/number_list.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace reeve::config {

namespace {

struct range {
  unsigned first = 0;
  unsigned last = 0;
};

std::optional<unsigned> number(std::string_view text) {
  auto value = 0U;
  auto end_of_text = text.data() + text.size();
  auto [end, err] = std::from_chars(text.data(), end_of_text, value);
  if (err != std::errc{} || end != end_of_text)
    return std::nullopt;
  return value;
}

std::optional<range> parse_range(std::string_view text) {
  auto dash = text.find('-');
  auto first = number(text.substr(0, dash));
  auto last =
      dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first > *last)
    return std::nullopt;
  return range{*first, *last};
}

// Neighbours become one; the ranges are in order.
std::vector<range> joined_ranges(const std::vector<range>& in) {
  std::vector<range> out;
  for (const auto& item : in)
    if (!out.empty() && item.first <= out.back().last + 1)
      out.back().last = std::max(out.back().last, item.last);
    else
      out.push_back(item);
  return out;
}

} // namespace

result<std::string> parse_number_list(std::string_view text, unsigned last) {
  auto expected = "numbers and ranges from 0 to " + std::to_string(last)
                  + ", such as \"0-3,8\"";
  std::vector<range> ranges;
  for (auto rest = text;;) {
    auto comma = rest.find(',');
    auto item = parse_range(rest.substr(0, comma));
    if (!item)
      return refuse(in_quotes(text) + " is not a list", std::move(expected));
    if (item->last > last)
      return refuse(std::to_string(item->last) + " is out of range",
                    std::move(expected));
    ranges.push_back(*item);
    if (comma == std::string_view::npos)
      break;
    rest.remove_prefix(comma + 1);
  }
  std::ranges::sort(ranges, {}, &range::first);
  std::string out;
  for (const auto& item : joined_ranges(ranges)) {
    out.append(out.empty() ? "" : ",").append(std::to_string(item.first));
    if (item.last != item.first)
      out.append("-").append(std::to_string(item.last));
  }
  return out;
}

} // namespace reeve::config
