// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reeve::console {

/// How the terminal, if it is one, wants its text.
struct output_style {
  bool terminal = false;
  bool colour = false;

  /// Of standard output; colours only on a terminal and without `NO_COLOR`.
  [[nodiscard]] static output_style of(int fd);
};

enum class paint { none, good, busy, bad, faint };

/// Wraps `text` in the terminal's code for it.
[[nodiscard]] std::string painted(std::string_view text, paint with,
                                  const output_style& style);

/// A name of a phase in the colour that tells how well it is.
[[nodiscard]] paint paint_of_phase(std::string_view phase);

/// Text from elsewhere, made safe for a terminal: control characters and what
/// is not UTF-8 are escaped.
[[nodiscard]] std::string printable(std::string_view text);

/// Columns of a terminal that the text takes: one for each code point.
[[nodiscard]] std::size_t width_of(std::string_view text);

/// Rows under a heading; each column is as wide as its widest cell.
class table {
public:
  struct cell {
    std::string text;
    paint with = paint::none;
  };

  explicit table(std::vector<std::string> heading);

  /// One cell for each column.
  void add(std::vector<cell> row);

  [[nodiscard]] std::string text(const output_style& style) const;

private:
  std::vector<std::vector<cell>> rows_;
};

} // namespace reeve::console
