// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <string>

/// Limits of processes, getrlimit(2).
namespace reeve::kernel {

/// By the number of the resource, RLIMIT_CPU to RLIMIT_RTTIME.
using rlimit_array = std::array<rlimit, RLIM_NLIMITS>;

/// As in the kernel's headers, such as "RLIMIT_NOFILE".
[[nodiscard]] const char* rlimit_name(std::size_t resource);

[[nodiscard]] rlimit_array own_rlimits();

/// What a process of a container has unless somebody asks for something else:
/// the limits of this process, but of descriptors a soft one of 1,024 at most:
/// programs rely on it that use select(2).
[[nodiscard]] rlimit_array usual_rlimits();

/// "SOFT:HARD", either "unlimited" or a number.
[[nodiscard]] std::string to_string(const rlimit& limit);

/// CAP_SYS_RESOURCE, in the first user namespace: elsewhere it does not count.
[[nodiscard]] bool may_raise_rlimits();

/// The highest hard limit that this process may set: if it may raise them any,
/// of descriptors fs.nr_open (sysctl/fs.rst); else the one that it has.
[[nodiscard]] rlim_t most_rlimit(int resource);

/// Raises the hard limits of this process to that, so that processes can be
/// given them that it makes. The soft ones stay, but that of descriptors, which
/// becomes what the hard one was, and those that bound what all processes of a
/// new user namespace have together (memory that is locked, message queues,
/// pending signals; user_namespaces(7)), which become as high as they may be.
void raise_own_rlimits();

} // namespace reeve::kernel
