// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <vector>

namespace reeve::kernel {

/// Builds the default seccomp profile: an allow-list for the processes of a
/// container that hold `caps`, as a BPF program for `install_seccomp_filter`.
/// PID 1 installs it once and every process of the container inherits it. The
/// list, and what is left out and why, is in seccomp_syscalls.hpp.
///
/// - A call that is not on the list fails with EPERM, also where the kernel
///   would allow it to the capabilities held.
/// - A call newer than the list fails with ENOSYS, so that libcs take the
///   older one they know.
/// - clone, unshare, personality and socket are checked by their arguments;
///   clone3 is allowed, see `clone3_guard`.
/// - ABIs: x86_64 with i386, or aarch64; x32 does not exist, any other is
/// killed.
///   Through i386's socketcall, socket() itself is refused, because its family
///   lies in memory: 32-bit programs need a libc that calls socket directly.
///   On another machine the answer is ENOTSUP.
///
/// A privileged container installs no profile; nothing here stands for "all".
///
/// Building takes milliseconds and depends on `caps` alone: build once per
/// distinct set and keep the bytes. May run on any thread.
[[nodiscard]] result<std::vector<std::uint8_t>>
default_seccomp_profile(capability_set caps);

} // namespace reeve::kernel
