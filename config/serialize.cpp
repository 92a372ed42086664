// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/serialize.hpp"

#include "config/enum_names.hpp"
#include "config/fields.hpp"
#include "config/limits.hpp"
#include "config/units.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <string_view>

// Written by hand rather than through a JSON library: a spec is saved on the
// way of every container's creation, and building a document first would cost
// more than the rest of it.
namespace reeve::config {

namespace {

using text = std::string;

void write(text& out, std::string_view value, plain = {}) {
  constexpr auto hex = std::string_view{"0123456789abcdef"};
  out += '"';
  auto start = std::size_t{0};
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto byte = static_cast<unsigned char>(value[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\')
      continue;
    out.append(value, start, i - start);
    start = i + 1;
    if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    } else {
      out += '\\';
      out += value[i];
    }
  }
  out.append(value, start, value.size() - start);
  out += '"';
}

void write(text& out, const std::string& value, plain = {}) {
  write(out, std::string_view{value});
}

void write(text& out, const std::string& value, as_word) {
  write(out, std::string_view{value});
}

template <class Number>
requires std::integral<Number> || std::floating_point<Number>
void write(text& out, Number value, plain = {}) {
  if constexpr (std::same_as<Number, bool>) {
    out += value ? "true" : "false";
  } else {
    auto buffer = std::array<char, 32>{};
    auto [end, err] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    out.append(buffer.data(), end);
  }
}

template <named_enum E>
void write(text& out, E value, plain = {}) {
  write(out, to_text(value));
}

void write(text& out, std::chrono::milliseconds value, plain = {}) {
  write(out, format_duration(value));
}

void write(text& out, std::chrono::milliseconds value, as_grace) {
  write(out, format_grace(value));
}

void write(text& out, std::uint64_t value, as_size) {
  write(out, format_size(value));
}

void write(text& out, unsigned value, as_octal) {
  auto buffer = std::array<char, 16>{};
  auto [end, err] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, 8);
  write(out, std::string_view{buffer.data(), end});
}

void write(text& out, const namespace_choice& value, plain = {}) {
  write(out, to_text(value));
}

void write(text& out, const end_pattern& value, plain = {}) {
  write(out, to_text(value));
}

// As a string: numbers in JSON end at 2^63.
void write_rlimit(text& out, std::uint64_t value) {
  write(out, value == rlimit_pair::unlimited ? std::string{"unlimited"}
                                             : format_size(value));
}

void write(text& out, const rlimit_pair& value, plain = {}) {
  out += "{\"soft\":";
  write_rlimit(out, value.soft);
  out += ",\"hard\":";
  write_rlimit(out, value.hard);
  out += '}';
}

void begin_member(text& out, std::string_view key) {
  if (out.back() != '{')
    out += ',';
  write(out, key);
  out += ':';
}

void write(text& out, const limits& value, const limits& defaults) {
  out += '{';
  for (const auto& name : limit_names()) {
    auto limit = to_text(value, name.key).value();
    if (limit == to_text(defaults, name.key).value())
      continue;
    begin_member(out, name.field);
    if (limit.empty())
      out += "null";
    else
      write(out, limit);
  }
  out += '}';
}

template <described T>
void write(text& out, const T& value, const T& defaults);

template <class T>
void write(text& out, const std::vector<T>& values, plain = {}) {
  out += '[';
  for (const auto& value : values) {
    if (out.back() != '[')
      out += ',';
    if constexpr (described<T>) {
      static const auto defaults = T{};
      write(out, value, defaults);
    } else {
      write(out, value);
    }
  }
  out += ']';
}

template <class T>
void write(text& out, const std::map<std::string, T>& values, plain = {}) {
  out += '{';
  for (const auto& [key, value] : values) {
    begin_member(out, key);
    write(out, value);
  }
  out += '}';
}

template <class T, class Codec>
void write(text& out, const std::optional<T>& value, Codec codec) {
  if (!value) {
    out += "null";
  } else if constexpr (described<T>) {
    static const auto defaults = T{};
    write(out, *value, defaults);
  } else {
    write(out, *value, codec);
  }
}

template <described T>
void write(text& out, const T& value, const T& defaults) {
  auto write_field =
      [&]<class S, class V, class Codec>(const field<S, V, Codec>& f) {
        const auto& mine = value.*(f.member);
        const auto& theirs = defaults.*(f.member);
        if (mine == theirs)
          return;
        begin_member(out, f.key);
        // A member's default is its owner's choice, not its type's.
        if constexpr (described<V> || std::same_as<V, limits>)
          write(out, mine, theirs);
        else
          write(out, mine, Codec{});
      };
  out += '{';
  std::apply([&](const auto&... f) { (write_field(f), ...); }, fields<T>);
  out += '}';
}

template <class T>
std::string json_of(const T& spec) {
  static const auto defaults = T{};
  auto out = std::string{};
  out.reserve(1024);
  write(out, spec, defaults);
  return out;
}

} // namespace

std::string to_json(const container_spec& spec) {
  return json_of(spec);
}

std::string to_json(const process_spec& spec) {
  return json_of(spec);
}

} // namespace reeve::config
