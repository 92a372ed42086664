// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/table.hpp"

#include <ostream>
#include <string>
#include <string_view>

namespace reeve::console {

/// A line of what is told of one thing: "title       text", texts below each
/// other.
inline void print_titled(std::ostream& out, const output_style& style,
                         std::string_view title, std::string_view text) {
  out << painted(title, paint::faint, style)
      << std::string(title.size() < 12 ? 12 - title.size() : 1, ' ')
      << printable(text) << '\n';
}

} // namespace reeve::console
