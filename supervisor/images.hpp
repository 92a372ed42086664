// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <string>
#include <vector>

namespace reeve::supervisor {

/// Images that are plain directories: `<directory>/<name>/rootfs`. Read only
/// for Reeve; containers see them through overlays.
class images {
public:
  explicit images(std::string directory);

  /// Makes the image `busybox` from the host's static busybox if it is not
  /// there, so that the first run needs no network. ENOENT with a hint if the
  /// host has no /bin/busybox. Blocks for file operations.
  [[nodiscard]] kernel::result<void> make_busybox() const;

  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool exists(const std::string& name) const;
  [[nodiscard]] std::string path_of(const std::string& name) const;

private:
  std::string directory_;
};

} // namespace reeve::supervisor
