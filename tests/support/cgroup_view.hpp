// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

/// What the kernel has in force for the container of a process, from the files
/// of v1 or of v2, whichever the host has. For tests that do not take Reeve's
/// word for it.
namespace reeve::tests {

/// The host has the controllers in cgroup2.
[[nodiscard]] bool is_cgroup2();

/// A control file of the group that limits the process: on v2 that is not the
/// one it is in but the one above (ADR 0007).
[[nodiscard]] std::string limits_file(pid_t pid,
                                      const std::string& v1_controller,
                                      const std::string& v1_file,
                                      const std::string& v2_file);

/// The number behind a word in a file of such lines.
[[nodiscard]] std::uint64_t field_in(const std::string& path,
                                     const std::string& name);

/// The limit of a user's key such as "memory.limit": bytes, thousandths of a
/// processor, a weight of which 100 is usual, a number of tasks; the largest
/// number where there is none.
[[nodiscard]] std::uint64_t kernel_limit(pid_t pid, const std::string& key);

/// The most that was ever in use.
[[nodiscard]] std::uint64_t memory_peak(pid_t pid);

[[nodiscard]] std::uint64_t tasks_now(pid_t pid);

/// In nanoseconds.
[[nodiscard]] std::uint64_t processor_time(pid_t pid);

/// It is in a group that the freezer of its hierarchy has frozen.
[[nodiscard]] bool is_frozen(pid_t pid);

/// Sees to it that who needs more memory than there is has to wait, and is not
/// killed: v1 stops him; cgroup2 cannot, but it slows him down, seconds at a
/// time, above half of the limit.
void let_wait_for_memory(pid_t pid);

/// Somebody in that group does.
[[nodiscard]] bool waits_for_memory(pid_t pid);

/// What is true of a PID 1 where it should be: under no limit and no freezer
/// of its container.
[[nodiscard]] bool is_outside_limits(pid_t holder);

} // namespace reeve::tests
