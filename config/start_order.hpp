// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <tl/expected.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

/// A process and those that it needs, see `process_spec::after`.
struct process_needs {
  std::string_view id;
  std::span<const std::string> after;
};

/// What is wrong with the needs of one process.
struct needs_error {
  std::size_t process = 0; ///< the index of who needs
  std::size_t need = 0;    ///< and of what it needs, in its `after`
  std::string message;     ///< "needs itself: a, b, a"
};

/// The indices of all, in the order in which they are started: that of the
/// list, but nobody before those that it needs. An error if one of them is not
/// in the list, or if some need each other.
[[nodiscard]] tl::expected<std::vector<std::size_t>, needs_error>
start_order(std::span<const process_needs> all);

} // namespace reeve::config
