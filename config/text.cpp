// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/text.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace reeve::config {

std::string in_quotes(std::string_view text) {
  constexpr auto longest = std::size_t{64};
  constexpr auto hex = std::string_view{"0123456789abcdef"};
  auto out = std::string{'"'};
  for (auto c : text.substr(0, longest)) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    }
  }
  out += text.size() > longest ? "...\"" : "\"";
  return out;
}

std::string showable(std::string_view text) {
  auto is_plain = text.size() <= 256
                  && std::all_of(text.begin(), text.end(),
                                 [](char c) { return c >= 0x20 && c < 0x7f; });
  return is_plain ? std::string{text} : in_quotes(text);
}

std::string joined(std::span<const std::string_view> words) {
  auto out = std::string{};
  for (auto word : words) {
    if (!out.empty())
      out += ", ";
    out += word;
  }
  return out;
}

namespace {

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  auto row = std::vector<std::size_t>(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

} // namespace

std::string_view nearest(std::string_view text,
                         std::span<const std::string_view> words) {
  // No key is that long, and the distance costs the product of both lengths.
  if (text.size() > 64)
    return {};
  auto best = std::string_view{};
  auto bound = std::max(std::size_t{2}, text.size() / 3) + 1;
  for (auto word : words) {
    if (auto d = distance(text, word); d < bound && d < word.size()) {
      best = word;
      bound = d;
    }
  }
  return best;
}

std::size_t find_invalid_utf8(std::string_view text) {
  auto at = [text](std::size_t i) -> std::uint8_t {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0;
  };
  for (std::size_t i = 0; i < text.size();) {
    auto lead = at(i);
    // The second byte's range excludes overlong forms, surrogates and what
    // lies beyond U+10FFFF; further bytes are always 80..bf.
    auto length = std::size_t{1};
    auto low = std::uint8_t{0x80};
    auto high = std::uint8_t{0xbf};
    if (lead >= 0xc2 && lead <= 0xdf) {
      length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      length = 3;
      low = lead == 0xe0 ? 0xa0 : 0x80;
      high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      length = 4;
      low = lead == 0xf0 ? 0x90 : 0x80;
      high = lead == 0xf4 ? 0x8f : 0xbf;
    } else if (lead >= 0x80) {
      return i;
    }
    if (length > 1 && (at(i + 1) < low || at(i + 1) > high))
      return i;
    for (std::size_t k = 2; k < length; ++k)
      if ((at(i + k) & 0xc0U) != 0x80)
        return i;
    i += length;
  }
  return std::string_view::npos;
}

tl::unexpected<config_error> refuse(std::string message, std::string expected,
                                    std::string key) {
  return tl::unexpected{config_error{
      {}, 0, 0, std::move(key), std::move(message), std::move(expected)}};
}

} // namespace reeve::config
