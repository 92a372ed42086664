// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/times.hpp"
#include "console/failure.hpp"

#include <chrono>
#include <cstdint>
#include <string>

// Times, durations and sizes as people and programs read them. All times are
// milliseconds since the epoch.
namespace reeve::console {

using config::rfc3339;

/// "3 min ago", "in 2 s", "now".
[[nodiscard]] std::string relative(std::int64_t time_ms, std::int64_t now_ms);

/// "3 min", for how long something has been so; nothing below zero.
[[nodiscard]] std::string elapsed(std::int64_t ms);

/// The time between two rounds of what goes on: a duration from 100 ms to an
/// hour.
[[nodiscard]] result<std::chrono::milliseconds>
parse_delay(const std::string& text);

/// "1.5 MiB". For reading only: rounded.
[[nodiscard]] std::string human_size(std::uint64_t bytes);

} // namespace reeve::console
