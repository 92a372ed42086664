// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// Byte encoding of the messages between the daemon and its helper processes
/// (holder, zygote, mount broker). All of them run on one machine and come
/// from one build or its predecessor, so integers travel in host byte order;
/// everything else is checked, because a holder shares a machine with hostile
/// code: `reader` never reads past the end, never allocates more than what was
/// received can hold, and latches its first error.
///
/// A message names its fields once, for both directions:
///
///     struct resize_order {
///       std::uint64_t process = 0;
///       std::uint16_t rows = 0;
///       std::uint16_t cols = 0;
///
///       static void fields(auto& ar, auto& self) {
///         ar(self.process, self.rows, self.cols);
///       }
///     };
namespace reeve::kernel::wire {

template <class T>
concept scalar = std::is_integral_v<T> || std::is_enum_v<T>;

class writer {
public:
  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }

  [[nodiscard]] std::string take() && {
    return std::move(out_);
  }

private:
  template <scalar T>
  void put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    out_.append(raw, sizeof(T));
  }

  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }

  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& item : list)
      put(item);
  }

  template <class T>
  requires std::is_class_v<T>
  void put(const T& record) {
    T::fields(*this, record);
  }

  std::string out_;
};

class reader {
public:
  explicit reader(std::string_view in) noexcept : in_(in) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (get(values), ...);
  }

  /// True if every field was there and nothing is left over.
  [[nodiscard]] bool complete() const noexcept {
    return ok_ && in_.empty();
  }

private:
  template <scalar T>
  void get(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t raw = 0;
      get(raw);
      value = raw != 0;
    } else {
      if (auto raw = consume(sizeof(T)); raw.size() == sizeof(T))
        std::memcpy(&value, raw.data(), sizeof(T));
    }
  }

  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = consume(size);
  }

  template <class T>
  void get(std::vector<T>& list) {
    std::uint32_t size = 0;
    get(size);
    list.clear();
    // Every element takes at least one byte: a larger count is a lie.
    if (size > in_.size()) {
      ok_ = false;
      return;
    }
    for (std::uint32_t i = 0; i < size && ok_; ++i)
      get(list.emplace_back());
  }

  template <class T>
  requires std::is_class_v<T>
  void get(T& record) {
    T::fields(*this, record);
  }

  std::string_view consume(std::size_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    auto out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }

  std::string_view in_;
  bool ok_ = true;
};

template <class T>
[[nodiscard]] std::string encode(const T& record) {
  writer out;
  T::fields(out, record);
  return std::move(out).take();
}

/// False leaves `record` half-filled: drop it.
template <class T>
[[nodiscard]] bool decode(std::string_view bytes, T& record) {
  reader in{bytes};
  T::fields(in, record);
  return in.complete();
}

} // namespace reeve::kernel::wire
