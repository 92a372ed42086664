// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/enum_names.hpp"
#include "config/fields.hpp"
#include "config/key_path.hpp"
#include "config/node.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// Private to the library: reads a tree into a struct, guided by fields.hpp.
// Each `read` puts a value of its type into `out` or refuses what it finds,
// with position and key.
namespace reeve::config {

[[nodiscard]] tl::unexpected<config_error>
wrong_type(const node& in, const key_path& at, std::string expected);

[[nodiscard]] tl::unexpected<config_error>
unknown_key(const member& found, const key_path& table,
            std::span<const std::string_view> known);

[[nodiscard]] result<void> read(const node& in, const key_path& at, bool& out,
                                plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at, double& out,
                                plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::string& out, plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::chrono::milliseconds& out, plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                rlimit_pair& out, plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                namespace_choice& out, plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                end_pattern& out, plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at, limits& out,
                                plain = {});
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::uint64_t& out, as_size);
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                unsigned& out, as_octal);
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::chrono::milliseconds& out, as_grace);
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::string& out, as_word);

/// A whole number between two bounds, both included.
[[nodiscard]] result<std::int64_t> read_whole(const node& in,
                                              const key_path& at,
                                              std::int64_t low,
                                              std::int64_t high);

template <std::integral T>
[[nodiscard]] result<void> read(const node& in, const key_path& at, T& out,
                                plain = {}) {
  static_assert(sizeof(T) < sizeof(std::int64_t), "its bounds must fit");
  using bounds = std::numeric_limits<T>;
  auto value = read_whole(in, at, bounds::min(), bounds::max());
  if (!value)
    return tl::unexpected{std::move(value).error()};
  out = static_cast<T>(*value);
  return {};
}

template <named_enum E>
[[nodiscard]] result<void> read(const node& in, const key_path& at, E& out,
                                plain = {}) {
  const auto* text = std::get_if<std::string>(&in.value);
  auto value = text != nullptr ? enum_from<E>(*text) : std::nullopt;
  if (!value) {
    auto words = std::string{};
    for (const auto& name : enum_names<E>)
      words.append(words.empty() ? "" : ", ").append(name.text);
    return wrong_type(in, at, "one of " + words);
  }
  out = *value;
  return {};
}

// Declared ahead, since each may hold the others.
template <class T>
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::vector<T>& out, plain = {});
template <class T>
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::map<std::string, T>& out, plain = {});
template <described T>
[[nodiscard]] result<void> read(const node& in, const key_path& at, T& out,
                                plain = {});

template <class T, class Codec = plain>
[[nodiscard]] result<void> read(const node& in, const key_path& at,
                                std::optional<T>& out, Codec codec = {}) {
  if (std::holds_alternative<node::null>(in.value)) {
    out.reset();
    return {};
  }
  return read(in, at, out.emplace(), codec);
}

template <class T>
result<void> read(const node& in, const key_path& at, std::vector<T>& out,
                  plain) {
  const auto* list = std::get_if<node::list>(&in.value);
  if (list == nullptr)
    return wrong_type(in, at, "a list");
  out.clear();
  out.reserve(list->size());
  for (const auto& element : *list) {
    auto here = at[out.size()];
    if (auto done = read(element, here, out.emplace_back()); !done)
      return done;
  }
  return {};
}

template <class T>
result<void> read(const node& in, const key_path& at,
                  std::map<std::string, T>& out, plain) {
  const auto* table = std::get_if<node::table>(&in.value);
  if (table == nullptr)
    return wrong_type(in, at, "a table");
  out.clear();
  for (const auto& m : *table)
    if (auto done = read(m.value, at / m.key, out[m.key]); !done)
      return done;
  return {};
}

template <described T>
result<void> read(const node& in, const key_path& at, T& out, plain) {
  const auto* table = std::get_if<node::table>(&in.value);
  if (table == nullptr)
    return wrong_type(in, at, "a table");
  for (const auto& m : *table) {
    auto done = result<void>{};
    auto read_if_named =
        [&]<class S, class V, class Codec>(const field<S, V, Codec>& f) {
          if (f.key != m.key)
            return false;
          done = read(m.value, at / m.key, out.*(f.member), Codec{});
          return true;
        };
    auto known = std::apply(
        [&](const auto&... f) { return (read_if_named(f) || ...); }, fields<T>);
    if (!known) {
      auto keys = std::apply(
          [](const auto&... f) { return std::array{f.key...}; }, fields<T>);
      return unknown_key(m, at, keys);
    }
    if (!done)
      return done;
  }
  return {};
}

} // namespace reeve::config
