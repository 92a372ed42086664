// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/node.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace reeve::config {

namespace {

/// Nodes that a dotted key implies have no position of their own.
position position_of(const toml::source_region& source, position fallback) {
  if (source.begin.line == 0)
    return fallback;
  return {static_cast<unsigned>(source.begin.line),
          static_cast<unsigned>(source.begin.column)};
}

std::optional<node> convert(const toml::node& in, position fallback,
                            std::size_t depth);

std::optional<node> convert_list(const toml::array& in, position where,
                                 std::size_t depth) {
  auto list = node::list{};
  list.reserve(in.size());
  for (const auto& element : in) {
    auto value = convert(element, where, depth + 1);
    if (!value)
      return std::nullopt;
    list.push_back(std::move(*value));
  }
  return node{where, std::move(list)};
}

std::optional<node> convert_table(const toml::table& in, position where,
                                  std::size_t depth) {
  auto table = node::table{};
  table.reserve(in.size());
  for (const auto& [key, value] : in) {
    auto at = position_of(key.source(), where);
    auto converted = convert(value, at, depth + 1);
    if (!converted)
      return std::nullopt;
    table.push_back({std::string{key.str()}, at, std::move(*converted)});
  }
  // toml++ sorts by key; people fix a file from the top.
  std::stable_sort(table.begin(), table.end(),
                   [](const member& a, const member& b) {
                     return std::pair{a.where.line, a.where.column}
                            < std::pair{b.where.line, b.where.column};
                   });
  return node{where, std::move(table)};
}

/// Empty if `in` nests too deep.
std::optional<node> convert(const toml::node& in, position fallback,
                            std::size_t depth) {
  if (depth > deepest_nesting)
    return std::nullopt;
  auto where = position_of(in.source(), fallback);
  switch (in.type()) {
  case toml::node_type::table:
    return convert_table(*in.as_table(), where, depth);
  case toml::node_type::array:
    return convert_list(*in.as_array(), where, depth);
  case toml::node_type::string:
    return node{where, in.as_string()->get()};
  case toml::node_type::integer:
    return node{where, in.as_integer()->get()};
  case toml::node_type::floating_point:
    return node{where, in.as_floating_point()->get()};
  case toml::node_type::boolean:
    return node{where, in.as_boolean()->get()};
  case toml::node_type::date:
  case toml::node_type::time:
  case toml::node_type::date_time:
    return node{where, node::date{}};
  case toml::node_type::none:
    break;
  }
  return node{where, node::null{}};
}

} // namespace

result<node> tree_from_toml(std::string_view text) {
  try {
    auto document = toml::parse(text);
    if (auto tree = convert(document, position{}, 0))
      return *std::move(tree);
    return refuse_at(position{}, "tables or lists nest too deep",
                     "at most " + std::to_string(deepest_nesting) + " levels");
  } catch (const toml::parse_error& err) {
    return refuse_at(position_of(err.source(), position{}),
                     std::string{err.description()}, "valid TOML");
  }
}

} // namespace reeve::config
