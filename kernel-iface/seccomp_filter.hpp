// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <span>

/// The half of seccomp that the static holder needs: no libseccomp, no
/// allocation. Programs are arrays of `struct sock_filter` as bytes, the form
/// in which the daemon sends them. Programs are built by seccomp_profile.hpp.
namespace reeve::kernel {

/// Adds a filter to the calling thread, for good; its later children inherit
/// it. Needs CAP_SYS_ADMIN in the own user namespace or no_new_privs, so a
/// child installs before it drops capabilities. Returns 0 or an errno value:
/// EINVAL for no program, EACCES without the privilege. Async-signal-safe: it
/// may run between fork and exec.
[[nodiscard]] int
install_seccomp_filter(std::span<const std::uint8_t> program) noexcept;

/// A filter of a few instructions that answers ENOSYS to clone3 and lets all
/// else pass. The flags of clone3 lie in memory, out of a filter's sight;
/// without clone3, libcs fall back to clone, whose flags the profile checks.
/// PID 1 of a container does not install it (it starts children by clone3);
/// each child does, before exec. A child that holds CAP_SYS_ADMIN may keep
/// clone3: it may make namespaces anyway.
///
/// It looks at the number alone, on purpose: clone3 is 435 in every ABI that
/// the profile admits, and a filter for the native ABI only is evaded with
/// `int $0x80`. Lives as long as the program.
[[nodiscard]] std::span<const std::uint8_t> clone3_guard() noexcept;

} // namespace reeve::kernel
