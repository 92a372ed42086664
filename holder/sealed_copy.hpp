// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace reeve::holder {

/// Goes on as a copy of this program in sealed memory, with the same arguments
/// and descriptors: executes it, and returns true in there. False with `errno`
/// set if that cannot be done.
///
/// A container can make its PID 1 execute PID 1's own program, by naming a link
/// to /proc/self/exe, and then reach the file through /proc/PID/exe
/// (CVE-2019-5736). What it reaches so must not be a file of the host's, least
/// of all where it shares the host's user namespace.
[[nodiscard]] bool continue_as_sealed_copy(char** argv, char** envp);

} // namespace reeve::holder
