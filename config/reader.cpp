// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/reader.hpp"

#include "config/limits.hpp"
#include "config/text.hpp"
#include "config/units.hpp"

#include <charconv>

namespace reeve::config {

namespace {

/// Gives an error about a text the place where the text was found.
tl::unexpected<config_error> placed(config_error err, const node& in,
                                    const key_path& at) {
  err.line = in.where.line;
  err.column = in.where.column;
  err.key = at.text();
  return tl::unexpected{std::move(err)};
}

/// A number or a string as text; empty for everything else.
std::optional<std::string> word_of(const node& in) {
  if (const auto* text = std::get_if<std::string>(&in.value))
    return *text;
  if (const auto* whole = std::get_if<std::int64_t>(&in.value))
    return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&in.value))
    return format_cpus(*number);
  return std::nullopt;
}

/// A part of an rlimit: bytes, a count, or no limit.
result<void> read_rlimit(const node& in, const key_path& at,
                         std::uint64_t& out) {
  constexpr auto expected = "a number, a size such as 64M, or \"unlimited\"";
  auto word = word_of(in);
  if (!word)
    return wrong_type(in, at, expected);
  if (*word == "unlimited") {
    out = rlimit_pair::unlimited;
    return {};
  }
  auto value = parse_size(*word);
  if (!value)
    return wrong_type(in, at, expected);
  out = *value;
  return {};
}

// A string that is the form of something else.
template <class T, class Parse>
result<void> read_text(const node& in, const key_path& at, T& out, Parse parse,
                       const char* expected) {
  const auto* text = std::get_if<std::string>(&in.value);
  if (text == nullptr)
    return wrong_type(in, at, expected);
  auto value = parse(*text);
  if (!value)
    return placed(std::move(value).error(), in, at);
  out = *std::move(value);
  return {};
}

} // namespace

tl::unexpected<config_error> wrong_type(const node& in, const key_path& at,
                                        std::string expected) {
  return refuse_at(in.where, "found " + describe(in), std::move(expected),
                   at.text());
}

tl::unexpected<config_error>
unknown_key(const member& found, const key_path& table,
            std::span<const std::string_view> known) {
  auto near = nearest(found.key, known);
  return refuse_at(found.where, "unknown key",
                   near.empty() ? "one of " + joined(known) : in_quotes(near),
                   (table / found.key).text());
}

result<void> read(const node& in, const key_path& at, bool& out, plain) {
  const auto* value = std::get_if<bool>(&in.value);
  if (value == nullptr)
    return wrong_type(in, at, "true or false");
  out = *value;
  return {};
}

result<void> read(const node& in, const key_path& at, double& out, plain) {
  if (const auto* number = std::get_if<double>(&in.value))
    out = *number;
  else if (const auto* whole = std::get_if<std::int64_t>(&in.value))
    out = static_cast<double>(*whole);
  else
    return wrong_type(in, at, "a number");
  return {};
}

result<void> read(const node& in, const key_path& at, std::string& out, plain) {
  const auto* text = std::get_if<std::string>(&in.value);
  if (text == nullptr)
    return wrong_type(in, at, "a string");
  out = *text;
  return {};
}

result<void> read(const node& in, const key_path& at,
                  std::chrono::milliseconds& out, plain) {
  return read_text(in, at, out, parse_duration,
                   "a duration such as \"10s\" or \"500ms\"");
}

result<void> read(const node& in, const key_path& at,
                  std::chrono::milliseconds& out, as_grace) {
  return read_text(in, at, out, parse_grace,
                   "a duration such as \"10s\", or \"infinity\"");
}

// Either one number for both limits, or a table of the two.
result<void> read(const node& in, const key_path& at, rlimit_pair& out, plain) {
  const auto* table = std::get_if<node::table>(&in.value);
  if (table == nullptr) {
    auto done = read_rlimit(in, at, out.soft);
    out.hard = out.soft;
    return done;
  }
  constexpr auto keys = std::array<std::string_view, 2>{"soft", "hard"};
  auto given = std::array{false, false};
  for (const auto& m : *table) {
    auto is_soft = m.key == keys[0];
    if (!is_soft && m.key != keys[1])
      return unknown_key(m, at, keys);
    auto done = read_rlimit(m.value, at / m.key, is_soft ? out.soft : out.hard);
    if (!done)
      return done;
    given[is_soft ? 0 : 1] = true;
  }
  if (!given[0] || !given[1])
    return refuse_at(in.where, "found a table without both",
                     "\"soft\" and \"hard\"", at.text());
  return {};
}

result<void> read(const node& in, const key_path& at, namespace_choice& out,
                  plain) {
  return read_text(in, at, out, parse_namespace,
                   "private, host or container:NAME");
}

result<void> read(const node& in, const key_path& at, end_pattern& out, plain) {
  return read_text(in, at, out, parse_end_pattern,
                   "an end such as \"exit:64\" or \"oom\"");
}

// `null` makes a limit absent where the default has a value.
result<void> read(const node& in, const key_path& at, limits& out, plain) {
  const auto* table = std::get_if<node::table>(&in.value);
  if (table == nullptr)
    return wrong_type(in, at, "a table");
  for (const auto& m : *table) {
    auto known = std::vector<std::string_view>{};
    auto key = std::string_view{};
    for (const auto& name : limit_names()) {
      known.push_back(name.field);
      if (name.field == m.key)
        key = name.key;
    }
    if (key.empty())
      return unknown_key(m, at, known);
    auto word = word_of(m.value);
    if (const auto* truth = std::get_if<bool>(&m.value.value))
      word = *truth ? "true" : "false";
    auto is_null = std::holds_alternative<node::null>(m.value.value);
    if (!word && !is_null)
      return wrong_type(m.value, at / m.key, "a number or a string");
    auto done = is_null ? clear_key(out, key) : set_key(out, key, *word);
    if (!done)
      return placed(std::move(done).error(), m.value, at / m.key);
  }
  return {};
}

result<void> read(const node& in, const key_path& at, std::uint64_t& out,
                  as_size) {
  auto word = word_of(in);
  if (!word)
    return wrong_type(in, at, "a size such as \"64M\"");
  auto size = parse_size(*word);
  if (!size)
    return placed(std::move(size).error(), in, at);
  out = *size;
  return {};
}

// A bare number would be ambiguous: 22 is not 022, and JSON has no octal.
result<void> read(const node& in, const key_path& at, unsigned& out, as_octal) {
  constexpr auto expected = "an octal string such as \"022\"";
  const auto* text = std::get_if<std::string>(&in.value);
  if (text == nullptr)
    return wrong_type(in, at, expected);
  const auto* last = text->data() + text->size();
  auto [end, err] = std::from_chars(text->data(), last, out, 8);
  if (err != std::errc{} || end != last)
    return wrong_type(in, at, expected);
  return {};
}

result<void> read(const node& in, const key_path& at, std::string& out,
                  as_word) {
  const auto* whole = std::get_if<std::int64_t>(&in.value);
  if (whole == nullptr)
    return read(in, at, out, plain{});
  out = std::to_string(*whole);
  return {};
}

result<std::int64_t> read_whole(const node& in, const key_path& at,
                                std::int64_t low, std::int64_t high) {
  const auto* value = std::get_if<std::int64_t>(&in.value);
  if (value == nullptr || *value < low || *value > high)
    return wrong_type(in, at,
                      "a whole number from " + std::to_string(low) + " to "
                          + std::to_string(high));
  return *value;
}

} // namespace reeve::config
