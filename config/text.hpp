// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// Not for users of the library: the wording that all errors share.
namespace reeve::config {

/// Puts `text` in quotes for an error message. Everything but printable ASCII
/// is escaped, so that neither terminal codes nor look-alike letters hide in a
/// message; what is longer than 64 characters is cut and marked with "...".
[[nodiscard]] std::string in_quotes(std::string_view text);

/// A text from outside for an error message: as it is if it is short and plain,
/// else in quotes.
[[nodiscard]] std::string showable(std::string_view text);

/// `a, b, c`.
[[nodiscard]] std::string joined(std::span<const std::string_view> words);

/// The word that `text` is most likely a slip of; empty if none is close.
[[nodiscard]] std::string_view nearest(std::string_view text,
                                       std::span<const std::string_view> words);

/// Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629),
/// or `npos`.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

/// A refusal without a position; its caller knows file, line or key.
[[nodiscard]] tl::unexpected<config_error>
refuse(std::string message, std::string expected, std::string key = {});

} // namespace reeve::config
