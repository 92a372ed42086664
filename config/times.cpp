// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/times.hpp"

#include "config/text.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>

namespace reeve::config {

namespace {

constexpr const char* time_form = "a time such as 2026-11-22T02:29:45Z";

/// Takes a text from the left, piece by piece; false once one is not there.
class scanner {
public:
  explicit scanner(std::string_view text) : rest_(text) {}

  bool digits(std::size_t count, int& out) {
    auto part = rest_.substr(0, count);
    auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (part.size() < count || !std::all_of(part.begin(), part.end(), is_digit))
      return false;
    std::from_chars(part.data(), part.data() + part.size(), out);
    rest_.remove_prefix(count);
    return true;
  }

  bool one_of(std::string_view chars, char* out = nullptr) {
    if (rest_.empty() || chars.find(rest_.front()) == std::string_view::npos)
      return false;
    if (out != nullptr)
      *out = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  /// Of a second.
  bool fraction(int& ms) {
    auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (count == 0 || count > 9)
      return false;
    auto part = std::string{rest_.substr(0, std::min<std::size_t>(count, 3))};
    part.resize(3, '0');
    std::from_chars(part.data(), part.data() + part.size(), ms);
    rest_.remove_prefix(count);
    return true;
  }

  bool zone(int& minutes_east) {
    char sign = 0;
    auto hours = 0;
    auto minutes = 0;
    if (one_of("Zz"))
      return true;
    if (!one_of("+-", &sign) || !digits(2, hours) || !one_of(":")
        || !digits(2, minutes) || hours > 23 || minutes > 59)
      return false;
    minutes_east = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
  }

  [[nodiscard]] bool is_done() const {
    return rest_.empty();
  }

private:
  std::string_view rest_;
};

std::optional<std::int64_t> scan_time(std::string_view text) {
  scanner in{text};
  std::tm utc{};
  auto ms = 0;
  auto east = 0;
  if (!in.digits(4, utc.tm_year) || !in.one_of("-") || !in.digits(2, utc.tm_mon)
      || !in.one_of("-") || !in.digits(2, utc.tm_mday) || !in.one_of("Tt ")
      || !in.digits(2, utc.tm_hour) || !in.one_of(":")
      || !in.digits(2, utc.tm_min) || !in.one_of(":")
      || !in.digits(2, utc.tm_sec))
    return std::nullopt;
  if ((in.one_of(".") && !in.fraction(ms)) || !in.zone(east) || !in.is_done()
      || utc.tm_hour > 23 || utc.tm_min > 59 || utc.tm_sec > 60)
    return std::nullopt;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  auto same = utc;
  auto seconds = ::timegm(&same);
  // It makes the 2nd of March of a 30th of February.
  if (utc.tm_sec < 60
      && (same.tm_mon != utc.tm_mon || same.tm_mday != utc.tm_mday))
    return std::nullopt;
  return (static_cast<std::int64_t>(seconds) - east * 60) * 1000 + ms;
}

} // namespace

std::string rfc3339(std::int64_t unix_ms) {
  // Rounds down also before 1970, so that the fraction is never negative.
  auto ms = ((unix_ms % 1000) + 1000) % 1000;
  auto seconds = static_cast<std::time_t>((unix_ms - ms) / 1000);
  std::tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr)
    return "";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                utc.tm_min, utc.tm_sec, static_cast<int>(ms));
  return text.data();
}

result<std::int64_t> parse_time(std::string_view text) {
  if (auto found = scan_time(text))
    return *found;
  return refuse(in_quotes(text) + " is not a time", time_form);
}

result<std::int64_t> parse_past(std::string_view text, std::int64_t now_ms) {
  if (auto ago = parse_duration(text))
    return now_ms - ago->count();
  if (auto found = scan_time(text))
    return *found;
  return refuse(in_quotes(text) + " is neither a time nor a duration",
                std::string{time_form} + ", or how long ago, such as 10m");
}

} // namespace reeve::config
