// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/unique_fd.hpp"

#include <unistd.h>

#include <cerrno>

namespace reeve::kernel {

void unique_fd::reset(int fd) noexcept {
  auto old = std::exchange(fd_, fd);
  if (old < 0)
    return;
  auto saved = errno;
  ::close(old); // never retried: on Linux the descriptor is gone even on EINTR
  errno = saved;
}

} // namespace reeve::kernel
