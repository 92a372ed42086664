// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// Quantities as people write them. Parsing is exact: what cannot be
// represented, such as "0.1K" (102.4 bytes), is refused rather than rounded.
// Formatting is the inverse: `parse(format(x)) == x` for everything that can
// be parsed.
namespace reeve::config {

/// Bytes from "64M", "1.5G" or "4096". K, M, G and T, in either case, are
/// powers of 1024.
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text);

/// The shortest exact form: "64M", "1536M", "4097".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// The longest time that is valid anywhere in a spec: a hundred years, which
/// leaves room for adding times to a clock without a check.
inline constexpr auto longest_duration =
    std::chrono::milliseconds{std::chrono::hours{876'000}};

/// A length of time from "500ms", "10s", "2m", "1.5h", or "0". Any other bare
/// number is refused, since its unit would be a guess.
[[nodiscard]] result<std::chrono::milliseconds>
parse_duration(std::string_view text);

/// The time between a stop signal and SIGKILL: a duration, or "infinity", which
/// is `longest_duration`.
[[nodiscard]] result<std::chrono::milliseconds>
parse_grace(std::string_view text);
[[nodiscard]] std::string format_grace(std::chrono::milliseconds time);

/// The shortest exact form: "10s", "90m", "1500ms".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds time);

/// A number of processors from "2" or "0.5"; finite and not negative.
[[nodiscard]] result<double> parse_cpus(std::string_view text);

/// The shortest form that reads back as the same number.
[[nodiscard]] std::string format_cpus(double cpus);

} // namespace reeve::config
