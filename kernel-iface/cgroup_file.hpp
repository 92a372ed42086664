// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The few ways in which cgroup directories and their files are touched. All
/// names are resolved below an open directory and never through a symlink
/// (openat2, Linux 5.6). Errors name the whole path and the value.
namespace reeve::kernel {

/// What the kernel spells `max`.
inline constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();

/// A cgroup directory, named from an open ancestor so that neither a
/// descriptor nor a long path is kept for each group.
struct cgroup_dir {
  int base = -1;              ///< borrowed
  std::string_view base_path; ///< for messages; lives as long as `base`
  std::string name;           ///< below `base`; empty means `base` itself

  [[nodiscard]] cgroup_dir child(std::string_view sub) const;

  /// For messages: the whole path of a file in it, or of itself.
  [[nodiscard]] std::string path(std::string_view file = {}) const;
};

[[nodiscard]] result<unique_fd> open_dir(const cgroup_dir& dir);

[[nodiscard]] result<unique_fd> open_file(const cgroup_dir& dir,
                                          std::string_view file, int flags);

/// Everything from here to the end of a borrowed descriptor.
[[nodiscard]] result<std::string> read_all(int fd, const std::string& subject);

/// Whole content of a file, of any length.
[[nodiscard]] result<std::string> read_text(const cgroup_dir& dir,
                                            std::string_view file);

/// A file that holds one number or `max`.
[[nodiscard]] result<std::uint64_t> read_number(const cgroup_dir& dir,
                                                std::string_view file);

/// One open, write, close.
[[nodiscard]] result<void> write_text(const cgroup_dir& dir,
                                      std::string_view file,
                                      std::string_view value);

/// Writes several values to one file, one write(2) each, and stops at the
/// first refusal. For files that take one command per write.
[[nodiscard]] result<void> write_all(const cgroup_dir& dir,
                                     std::string_view file,
                                     const std::vector<std::string>& values);

/// The value of `key` in a file of lines "key value".
[[nodiscard]] std::optional<std::uint64_t> find_field(std::string_view text,
                                                      std::string_view key);

/// Splits at white space.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

/// Decimal number or `max`, white space around it allowed.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

enum class creation { made, existed };

[[nodiscard]] result<creation> make_dir(const cgroup_dir& dir);

/// Names of the groups directly below. Free of charge for a leaf: a directory
/// whose link count is 2 is not read.
[[nodiscard]] result<std::vector<std::string>> subgroups(const cgroup_dir& dir);

/// `busy`: processes or groups are still in it; try again later.
enum class removal { removed, busy };

/// One attempt at a group and everything below it, leaves first. Goes on after
/// a failure and reports all of them. A group that is already gone is
/// `removed`. Never waits.
[[nodiscard]] result<removal> remove_tree(const cgroup_dir& dir);

/// Joins two failures into one report; the first keeps its code.
[[nodiscard]] sys_error also(sys_error first, const sys_error& second);

} // namespace reeve::kernel
