// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace reeve::config {

/// The way from the root of a document to a value, as
/// `container.processes[2].argv`. Private to the library. Lives on the stack
/// beside the recursion that walks the document, and costs nothing until an
/// error asks for its text.
class key_path {
public:
  explicit key_path(std::string_view root) : key_{root} {}

  [[nodiscard]] key_path operator/(std::string_view key) const {
    return {this, key, std::nullopt};
  }

  [[nodiscard]] key_path operator[](std::size_t index) const {
    return {this, {}, index};
  }

  [[nodiscard]] std::string text() const;

private:
  key_path(const key_path* parent, std::string_view key,
           std::optional<std::size_t> index)
      : parent_{parent},
        key_{key},
        index_{index} {}

  const key_path* parent_ = nullptr;
  std::string_view key_;
  std::optional<std::size_t> index_;
};

} // namespace reeve::config
