// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <filesystem>

namespace reeve::bench {

/// Owns a new directory below /var/tmp and removes it with all it holds. Not
/// below /tmp: that is often a tmpfs, which cannot be an idmapped lower layer
/// before Linux 6.6 and would flatter every write of an upper layer.
class scratch_directory {
public:
  [[nodiscard]] static kernel::result<scratch_directory> make();

  scratch_directory(scratch_directory&& other) noexcept;
  scratch_directory& operator=(scratch_directory&& other) noexcept;
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory();

  [[nodiscard]] const std::filesystem::path& path() const noexcept {
    return path_;
  }

private:
  explicit scratch_directory(std::filesystem::path path)
      : path_(std::move(path)) {}

  std::filesystem::path path_;
};

/// Fills `root` with the smallest root file system that runs `/bin/true` and
/// `/bin/sleep`: Debian's busybox-static, and mount points.
[[nodiscard]] kernel::result<void>
make_busybox_root(const std::filesystem::path& root);

} // namespace reeve::bench
