// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace reeve::kernel {

inline constexpr auto no_way_out =
    std::uint64_t{RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};

/// For trees of somebody else: by default no symlink is followed and no mount
/// entered, and the path leads nowhere but below `dir` (openat2(2), Linux 5.6).
/// Close-on-exec. Empty with `errno` on a failure.
[[nodiscard]] inline unique_fd
open_beneath(int dir, const std::string& path, int flags,
             std::uint64_t resolve = no_way_out) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  return unique_fd::adopt(static_cast<int>(
      ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof(how))));
}

} // namespace reeve::kernel
