// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/units.hpp"

#include "config/text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

namespace reeve::config {

namespace {

struct unit {
  std::string_view suffix;
  std::uint64_t scale;
};

// Largest first, as formatting wants them.
constexpr auto size_units = std::to_array<unit>({{"T", 1ULL << 40U},
                                                 {"G", 1ULL << 30U},
                                                 {"M", 1ULL << 20U},
                                                 {"K", 1ULL << 10U},
                                                 {"", 1}});

constexpr auto time_units = std::to_array<unit>(
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}});

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes the leading decimal digits off `text`.
std::string_view take_digits(std::string_view& text) {
  auto n = std::size_t{0};
  while (n < text.size() && is_digit(text[n]))
    ++n;
  auto digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

std::optional<std::uint64_t> to_number(std::string_view digits) {
  auto value = std::uint64_t{0};
  auto [end, err] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (err != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

/// `0.<digits> * scale` if that is a whole number.
std::optional<std::uint64_t> scaled_fraction(std::string_view digits,
                                             std::uint64_t scale) {
  while (!digits.empty() && digits.back() == '0')
    digits.remove_suffix(1);
  if (digits.empty())
    return 0;
  // 10^19 is the last power of ten that fits.
  if (digits.size() > 19)
    return std::nullopt;
  auto denominator = std::uint64_t{1};
  for (std::size_t i = 0; i < digits.size(); ++i)
    denominator *= 10;
  // Reduced by their common divisor, scale and denominator have no factor in
  // common: the product is whole only if the numerator alone can be divided.
  // It stays below `scale`, so nothing here overflows.
  auto common = std::gcd(denominator, scale);
  denominator /= common;
  auto numerator = *to_number(digits);
  if (numerator % denominator != 0)
    return std::nullopt;
  return numerator / denominator * (scale / common);
}

enum class flaw { syntax, overflow, inexact };

/// DIGITS[.DIGITS]SUFFIX as a multiple of the smallest unit.
tl::expected<std::uint64_t, flaw>
parse_scaled(std::string_view text, std::span<const unit> units,
             bool (*same_suffix)(std::string_view, std::string_view)) {
  auto whole = take_digits(text);
  auto fraction = std::string_view{};
  if (whole.empty())
    return tl::unexpected{flaw::syntax};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty())
      return tl::unexpected{flaw::syntax};
  }
  for (const auto& u : units) {
    if (!same_suffix(text, u.suffix))
      continue;
    auto count = to_number(whole);
    if (!count || *count > std::numeric_limits<std::uint64_t>::max() / u.scale)
      return tl::unexpected{flaw::overflow};
    auto part = scaled_fraction(fraction, u.scale);
    if (!part)
      return tl::unexpected{flaw::inexact};
    auto product = *count * u.scale;
    if (product > std::numeric_limits<std::uint64_t>::max() - *part)
      return tl::unexpected{flaw::overflow};
    return product + *part;
  }
  return tl::unexpected{flaw::syntax};
}

std::string format_scaled(std::uint64_t value, std::span<const unit> units) {
  for (const auto& u : units)
    if (value != 0 && value % u.scale == 0)
      return std::to_string(value / u.scale).append(u.suffix);
  return "0";
}

bool same_size_suffix(std::string_view text, std::string_view suffix) {
  auto upper = [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  };
  return text.size() == suffix.size()
         && (text.empty() || upper(text[0]) == suffix[0]);
}

bool same_time_suffix(std::string_view text, std::string_view suffix) {
  return text == suffix;
}

constexpr auto size_form = "bytes or a number with K, M, G or T";
constexpr auto time_form = "a number with ms, s, m or h";
constexpr auto cpus_form = "a number of processors such as 2 or 0.5";

} // namespace

result<std::uint64_t> parse_size(std::string_view text) {
  auto bytes = parse_scaled(text, size_units, same_size_suffix);
  if (bytes)
    return *bytes;
  switch (bytes.error()) {
  case flaw::overflow:
    return refuse(in_quotes(text) + " is too large", "less than 16777216T");
  case flaw::inexact:
    return refuse(in_quotes(text) + " is not a whole number of bytes",
                  size_form);
  case flaw::syntax:
    break;
  }
  return refuse(in_quotes(text) + " is not a size", size_form);
}

std::string format_size(std::uint64_t bytes) {
  return format_scaled(bytes, size_units);
}

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  using std::chrono::milliseconds;
  if (text == "0")
    return milliseconds{0};
  auto time = parse_scaled(text, time_units, same_time_suffix);
  constexpr auto longest = std::uint64_t{longest_duration.count()};
  if (time && *time <= longest)
    return milliseconds{static_cast<milliseconds::rep>(*time)};
  if (time || time.error() == flaw::overflow)
    return refuse(in_quotes(text) + " is too long", "at most 876000h");
  if (time.error() == flaw::inexact)
    return refuse(in_quotes(text) + " is not a whole number of milliseconds",
                  time_form);
  return refuse(in_quotes(text) + " is not a duration", time_form);
}

std::string format_duration(std::chrono::milliseconds time) {
  // Negative times are never valid here, but must be shown in errors.
  if (time.count() < 0)
    return std::to_string(time.count()) + "ms";
  return format_scaled(static_cast<std::uint64_t>(time.count()), time_units);
}

result<double> parse_cpus(std::string_view text) {
  auto cpus = 0.0;
  auto last = text.data() + text.size();
  auto [end, err] = std::from_chars(text.data(), last, cpus);
  if (err != std::errc{} || end != last || !std::isfinite(cpus)
      || std::signbit(cpus))
    return refuse(in_quotes(text) + " is not a number of processors",
                  cpus_form);
  return cpus;
}

std::string format_cpus(double cpus) {
  auto buffer = std::array<char, 32>{};
  auto [end, err] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), cpus);
  return {buffer.data(), end};
}

namespace {

constexpr auto without_end = std::string_view{"infinity"};

} // namespace

result<std::chrono::milliseconds> parse_grace(std::string_view text) {
  if (text == without_end)
    return longest_duration;
  return parse_duration(text);
}

std::string format_grace(std::chrono::milliseconds time) {
  return time == longest_duration ? std::string{without_end}
                                  : format_duration(time);
}

} // namespace reeve::config
