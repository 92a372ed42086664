// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <tl/expected.hpp>

#include <string>

/// What a user may ask for, as plain data, and its way from and to text.
namespace reeve::config {

/// A refused piece of configuration: where it stands, what was found there and
/// what was expected instead. Prints as `web.toml:3:10:
/// container.limits.memory: "12Q" is not a size; expected bytes or a number
/// with K, M, G or T`.
struct [[nodiscard]] config_error {
  /// Empty when the value did not come from a file.
  std::string file;
  /// Both count from 1; 0 means that there is no position to show.
  unsigned line = 0;
  unsigned column = 0;
  /// Path of the key, such as `container.processes[2].argv`; may be empty.
  std::string key;
  /// What was found. Untrusted text in it is quoted, escaped and shortened.
  std::string message;
  /// What would have been right; may be empty.
  std::string expected;

  bool operator==(const config_error&) const = default;
};

/// Full sentence for people; leaves out the parts that are empty.
[[nodiscard]] std::string to_string(const config_error& err);

/// Named like `std::expected`, so that it can become it.
template <class T>
using result = tl::expected<T, config_error>;

} // namespace reeve::config
