// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/daemon_config.hpp"
#include "config/error.hpp"
#include "config/process_spec.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

/// Text to specs. A document is TOML or JSON with the same keys; each key has
/// the name of the struct's member. What a document leaves out keeps its
/// default, and in JSON `null` stands for "absent".
///
/// Only form is checked here: unknown keys, wrong types, words and numbers
/// that no member can hold. Whether the whole makes sense is the business of
/// validate.hpp. Errors carry the position and a key that starts with what the
/// document is: `container`, `process` or `daemon`. Nothing throws but
/// `std::bad_alloc`.
namespace reeve::config {

enum class format : std::uint8_t { toml, json };

/// JSON for names that end in ".json", otherwise TOML.
[[nodiscard]] format format_of(std::string_view file_name);

/// `file_name` is for errors, and tells the format where `as` does not.
[[nodiscard]] result<container_spec>
parse_container_spec(std::string_view text, std::string_view file_name,
                     std::optional<format> as = std::nullopt);

[[nodiscard]] result<process_spec>
parse_process_spec(std::string_view text, std::string_view file_name,
                   std::optional<format> as = std::nullopt);

[[nodiscard]] result<daemon_config>
parse_daemon_config(std::string_view text, std::string_view file_name,
                    std::optional<format> as = std::nullopt);

} // namespace reeve::config
