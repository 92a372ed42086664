// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace reeve::config {

/// A soft and a hard resource limit, in the unit of `setrlimit(2)`.
struct rlimit_pair {
  static constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t soft = unlimited;
  std::uint64_t hard = unlimited;

  bool operator==(const rlimit_pair&) const = default;
};

/// RLIMIT_CPU to RLIMIT_RTTIME, see `rlimit_names`.
inline constexpr auto rlimit_count = std::size_t{16};

/// "BOTH" or "SOFT:HARD", each a number, a size such as "64M", or "max".
[[nodiscard]] result<rlimit_pair> parse_rlimit(std::string_view text);

/// The inverse: bytes as a size, anything else as a number.
[[nodiscard]] std::string format_rlimit(const rlimit_pair& limit,
                                        std::size_t resource);

/// A soft limit is at most the hard one.
[[nodiscard]] result<void> check_rlimit(const rlimit_pair& limit);

} // namespace reeve::config
