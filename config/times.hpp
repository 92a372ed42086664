// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// Points in time as people and programs write them, in milliseconds since the
// epoch.
namespace reeve::config {

/// "2026-11-22T02:29:45.123Z".
[[nodiscard]] std::string rfc3339(std::int64_t unix_ms);

/// RFC 3339, with a zone ("Z", "+01:00") and up to nine digits of a second, of
/// which three count.
[[nodiscard]] result<std::int64_t> parse_time(std::string_view text);

/// A point in the past: a time as above, or a duration ("10m") before `now_ms`.
[[nodiscard]] result<std::int64_t> parse_past(std::string_view text,
                                              std::int64_t now_ms);

} // namespace reeve::config
