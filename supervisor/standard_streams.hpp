// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace reeve::supervisor {

/// Puts /dev/null in place of each standard stream that our parent has closed
/// (`reeve ls >&-`). Otherwise the next descriptor opened, a socket perhaps,
/// becomes standard output, and the first message is written into it. To be
/// called first in `main`.
inline void open_missing_standard_streams() {
  // The kernel gives out the lowest free number. Not close-on-exec: programs
  // that we start count on having all three.
  auto fd = 0;
  do
    fd = ::open("/dev/null", O_RDWR); // NOLINT(android-cloexec-open)
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    ::close(fd);
}

} // namespace reeve::supervisor
