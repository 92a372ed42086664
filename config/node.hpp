// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Private to the library: what TOML and JSON have in common, so that specs
// are read by one reader and never see a parser library.
namespace reeve::config {

/// Where something starts in a document; both count from 1.
struct position {
  unsigned line = 1;
  unsigned column = 1;
};

struct member;

/// A value of a document.
struct node {
  struct null {};
  /// A date or time, which no spec has a use for.
  struct date {};
  using list = std::vector<node>;
  /// In the order of the document.
  using table = std::vector<member>;

  position where;
  std::variant<null, bool, std::int64_t, double, std::string, date, list, table>
      value;
};

struct member {
  std::string key;
  position where;
  node value;
};

/// Tables and lists nest no deeper than this. No spec needs more, and every
/// level costs stack.
inline constexpr auto deepest_nesting = std::size_t{32};

/// What a value is, for an error message: `"12Q"`, `12`, `a list`.
[[nodiscard]] std::string describe(const node& value);

/// The position of a byte in a document. Columns count bytes.
[[nodiscard]] position position_at(std::string_view text, std::size_t offset);

/// Both fail with a position and without a file name. The text must be valid
/// UTF-8. Repeated keys are an error.
[[nodiscard]] result<node> tree_from_toml(std::string_view text);
[[nodiscard]] result<node> tree_from_json(std::string_view text);

/// A refusal with a position.
[[nodiscard]] tl::unexpected<config_error> refuse_at(position where,
                                                     std::string message,
                                                     std::string expected,
                                                     std::string key = {});

} // namespace reeve::config
