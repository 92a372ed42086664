// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/node.hpp"

#include "config/text.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <utility>

namespace reeve::config {

namespace {

struct describer {
  std::string operator()(node::null) const {
    return "null";
  }
  std::string operator()(bool value) const {
    return value ? "true" : "false";
  }
  std::string operator()(std::int64_t value) const {
    return std::to_string(value);
  }
  std::string operator()(double value) const {
    return format_cpus(value);
  }
  std::string operator()(const std::string& value) const {
    return in_quotes(value);
  }
  std::string operator()(node::date) const {
    return "a date or time";
  }
  std::string operator()(const node::list&) const {
    return "a list";
  }
  std::string operator()(const node::table&) const {
    return "a table";
  }
};

} // namespace

std::string describe(const node& value) {
  return std::visit(describer{}, value.value);
}

position position_at(std::string_view text, std::size_t offset) {
  auto before = text.substr(0, offset);
  auto lines = std::count(before.begin(), before.end(), '\n');
  // npos + 1 is 0: the first line starts at the start.
  auto start = before.rfind('\n') + 1;
  return {static_cast<unsigned>(lines) + 1,
          static_cast<unsigned>(before.size() - start) + 1};
}

tl::unexpected<config_error> refuse_at(position where, std::string message,
                                       std::string expected, std::string key) {
  return tl::unexpected{config_error{{},
                                     where.line,
                                     where.column,
                                     std::move(key),
                                     std::move(message),
                                     std::move(expected)}};
}

} // namespace reeve::config
