// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/table.hpp"

#include "config/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace reeve::console {

output_style output_style::of(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  auto terminal = ::isatty(fd) == 1;
  auto dumb = term == nullptr || std::string_view{term} == "dumb";
  auto refused = no_color != nullptr && *no_color != '\0';
  return {terminal, terminal && !dumb && !refused};
}

std::string painted(std::string_view text, paint with,
                    const output_style& style) {
  if (!style.colour || with == paint::none)
    return std::string{text};
  auto code = std::string_view{};
  switch (with) {
  case paint::none:
    break;
  case paint::good:
    code = "\x1b[32m";
    break;
  case paint::busy:
    code = "\x1b[33m";
    break;
  case paint::bad:
    code = "\x1b[31m";
    break;
  case paint::faint:
    code = "\x1b[2m";
    break;
  }
  return std::string{code}.append(text).append("\x1b[0m");
}

paint paint_of_phase(std::string_view phase) {
  constexpr auto bad =
      std::to_array<std::string_view>({"failed", "held", "gave_up"});
  constexpr auto faint = std::to_array<std::string_view>(
      {"stopped", "exited", "destroyed", "removed"});
  if (phase == "running")
    return paint::good;
  if (std::find(bad.begin(), bad.end(), phase) != bad.end())
    return paint::bad;
  if (std::find(faint.begin(), faint.end(), phase) != faint.end())
    return paint::faint;
  return paint::busy;
}

std::string printable(std::string_view text) {
  constexpr auto hex = std::string_view{"0123456789abcdef"};
  auto valid = config::find_invalid_utf8(text) == std::string_view::npos;
  auto out = std::string{};
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters as well: C2 80 to C2 9F.
    auto is_c1 = byte == 0xc2 && i + 1 < text.size()
                 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f || is_c1 || (byte >= 0x80 && !valid)) {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
      if (is_c1 && valid) {
        auto next = static_cast<unsigned char>(text[++i]);
        out += "\\x";
        out += hex[next >> 4U];
        out += hex[next & 0xfU];
      }
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
      }));
}

table::table(std::vector<std::string> heading) {
  auto row = std::vector<cell>{};
  for (auto& title : heading)
    row.push_back({std::move(title), paint::faint});
  rows_.push_back(std::move(row));
}

void table::add(std::vector<cell> row) {
  row.resize(rows_.front().size());
  for (auto& c : row) {
    c.text = printable(c.text);
    if (c.text.empty())
      c.text = std::string{"-"};
  }
  rows_.push_back(std::move(row));
}

std::string table::text(const output_style& style) const {
  auto widths = std::vector<std::size_t>(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  auto out = std::string{};
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += painted(row[i].text, row[i].with, style);
      if (i + 1 < row.size())
        out.append(widths[i] - width_of(row[i].text) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

} // namespace reeve::console
