// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/time_text.hpp"

#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace reeve::console {

namespace {

struct unit {
  std::int64_t ms;
  std::string_view name;
};

constexpr auto units = std::to_array<unit>({{31'536'000'000, " years"},
                                            {86'400'000, " days"},
                                            {3'600'000, " h"},
                                            {60'000, " min"},
                                            {1'000, " s"}});

} // namespace

result<std::chrono::milliseconds> parse_delay(const std::string& text) {
  using namespace std::chrono_literals;
  auto delay = config::parse_duration(text);
  if (!delay)
    return refuse("--delay", to_string(delay.error()));
  if (*delay < 100ms || *delay > 1h)
    return refuse("--delay", text + " is out of range", "100ms to 1h");
  return *delay;
}

std::string elapsed(std::int64_t ms) {
  ms = std::max<std::int64_t>(ms, 0);
  for (const auto& u : units) {
    auto count = ms / u.ms;
    if (count == 0)
      continue;
    auto text = std::to_string(count) + std::string{u.name};
    auto is_plural_word = u.name.back() == 's' && u.name.size() > 2;
    if (count == 1 && is_plural_word)
      text.pop_back();
    return text;
  }
  return "0 s";
}

std::string relative(std::int64_t time_ms, std::int64_t now_ms) {
  auto ago = now_ms - time_ms;
  if (std::abs(ago) < 1000)
    return "now";
  return ago > 0 ? elapsed(ago) + " ago" : "in " + elapsed(-ago);
}

std::string human_size(std::uint64_t bytes) {
  constexpr auto names =
      std::to_array<const char*>({"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t step = 0;
  // 1023.95 would print as 1024.0.
  while (value >= 1023.95 && step + 1 < names.size()) {
    value /= 1024;
    ++step;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  auto out = std::string{text.data()};
  if (out.ends_with(".0"))
    out.resize(out.size() - 2);
  return out + " " + names[step];
}

} // namespace reeve::console
