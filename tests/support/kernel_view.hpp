// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// What the kernel says, for tests that do not take Reeve's word for it.
namespace reeve::tests {

[[nodiscard]] std::string read_file(const std::string& path);

/// There is such a process and it is no zombie.
[[nodiscard]] bool is_alive(pid_t pid);

/// As proc(5) has it: `D`, `Z` and so on; `X` if there is no such process.
[[nodiscard]] char state_of(pid_t pid);

[[nodiscard]] pid_t parent_of(pid_t pid);

/// Children that are no zombies.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

/// With its zombies.
[[nodiscard]] std::vector<pid_t> all_children_of(pid_t pid);

/// The lowest number that is no descriptor of it.
[[nodiscard]] std::uint64_t first_free_descriptor(pid_t pid);

/// Sets its soft limit of them.
void limit_descriptors(pid_t pid, std::uint64_t limit);

/// Where its descriptors lead to; those that it closes meanwhile are left out.
[[nodiscard]] std::vector<std::string> open_files_of(pid_t pid);

/// Pids of this build's holder program with this name ("reeve-zygote").
[[nodiscard]] std::vector<pid_t> helpers_called(const std::string& comm);

/// The group directories of a container, in all hierarchies, of any Reeve
/// under test.
[[nodiscard]] std::vector<std::string> groups_of(const std::string& id);

/// Everything that runs in a container, PID 1 aside.
[[nodiscard]] std::vector<pid_t> members_of(const std::string& id);

/// The container, as the freezer of its hierarchy has it.
[[nodiscard]] bool is_frozen(const std::string& id);

/// The numbers in a text, one to a line, are first, first + 1, ... without a
/// gap or a repetition. A last line that is not finished does not count.
/// Returns how many there are, or -1.
[[nodiscard]] long unbroken(const std::string& lines, long first = 0);

} // namespace reeve::tests
