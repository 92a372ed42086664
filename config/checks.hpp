// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"
#include "config/key_path.hpp"
#include "config/process_spec.hpp"
#include "config/units.hpp"

#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Private to the library: what validation of the different specs shares.
namespace reeve::config {

/// Keeps the first thing that is wrong, so that checks can stand in a plain
/// list. A value that is wrong appears in the error as `found "..."`.
class findings {
public:
  /// Records that `what` stands at `at` unless `ok`.
  void expect(bool ok, const key_path& at, std::string_view found,
              std::string_view expected);

  template <std::integral T>
  void expect(bool ok, const key_path& at, T found, std::string_view expected) {
    if (!ok)
      refuse(at, "found " + std::to_string(found), expected);
  }

  /// For conflicts, where no single value is wrong. The first call counts.
  void refuse(const key_path& at, std::string message,
              std::string_view expected);

  [[nodiscard]] result<void> verdict() &&;

private:
  std::optional<config_error> first_;
};

/// UTF-8 without NUL bytes: neither argv nor a path can hold a NUL, and the
/// form on disk cannot hold anything but UTF-8.
void check_text(findings& out, const key_path& at, std::string_view value);

/// One part of a name: 1..64 of [a-zA-Z0-9_.-], the first alphanumeric.
void check_name_part(findings& out, const key_path& at, std::string_view name);

/// Up to 16 parts joined by '/'.
void check_container_name(findings& out, const key_path& at,
                          std::string_view name);

/// RFC 1123 labels, 64 characters in all as uname(2) allows.
void check_hostname(findings& out, const key_path& at, std::string_view name);

/// Absolute, without empty, "." and ".." parts, below PATH_MAX.
void check_path(findings& out, const key_path& at, std::string_view path);
void check_paths(findings& out, const key_path& at,
                 const std::vector<std::string>& paths);

/// At least `least` and not beyond `most`.
void check_duration(findings& out, const key_path& at,
                    std::chrono::milliseconds time,
                    std::chrono::milliseconds least,
                    std::chrono::milliseconds most = longest_duration);

/// Finite and within bounds.
void check_number(findings& out, const key_path& at, double value, double low,
                  double high);

/// A user's or group's name or number.
void check_account(findings& out, const key_path& at, std::string_view account);

enum class all_keyword { refused, accepted };

void check_capabilities(findings& out, const key_path& at,
                        const std::vector<std::string>& names, all_keyword all);

void check_process(findings& out, const key_path& at, const process_spec& spec);

/// The id that means "no id" to the kernel.
inline constexpr auto invalid_id = std::uint32_t{0xffff'ffff};

} // namespace reeve::config
