// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/temp_directory.hpp"

#include <string>

namespace reeve::tests {

/// An ext4 in a file, as a block device. Nobody has mounted it; the kernel
/// takes the device away when the last one who has it open or mounted goes.
class loop_disk {
public:
  explicit loop_disk(unsigned mib);

  /// Of the block device; its major number is 7.
  [[nodiscard]] unsigned minor() const {
    return minor_;
  }

private:
  temp_directory where_;
  kernel::unique_fd device_;
  unsigned minor_ = 0;
};

/// Keeps everybody from writing to a file system for as long as it lives, as
/// fsfreeze(8) does: a writer sleeps and no signal wakes it up.
class frozen {
public:
  /// `path` is anything on it.
  explicit frozen(const std::string& path);
  frozen(const frozen&) = delete;
  frozen& operator=(const frozen&) = delete;
  ~frozen();

  void thaw();

private:
  kernel::unique_fd on_;
};

} // namespace reeve::tests
