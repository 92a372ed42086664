// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/scratch_directory.hpp"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace fs = std::filesystem;

namespace reeve::bench {

kernel::result<scratch_directory> scratch_directory::make() {
  auto name = std::string{"/var/tmp/reeve-bench-XXXXXX"};
  if (::mkdtemp(name.data()) == nullptr)
    return kernel::last_error("make directory", name);
  return scratch_directory{name};
}

scratch_directory::scratch_directory(scratch_directory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

scratch_directory&
scratch_directory::operator=(scratch_directory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

scratch_directory::~scratch_directory() {
  // What cannot be removed stays in /var/tmp under a telling name; there is
  // nobody left to report to.
  auto ignored = std::error_code{};
  if (!path_.empty())
    fs::remove_all(path_, ignored);
}

kernel::result<void> make_busybox_root(const fs::path& root) {
  const auto busybox = fs::path{"/bin/busybox"};
  try {
    for (const auto* dir : {"bin", "proc", "sys", "dev", "tmp"})
      fs::create_directories(root / dir);
    fs::copy_file(busybox, root / "bin/busybox");
    for (const auto* applet : {"true", "sleep", "sh"})
      fs::create_symlink("busybox", root / "bin" / applet);
  } catch (const fs::filesystem_error& err) {
    return kernel::make_error(err.code().value(), "copy busybox to",
                              root.string(),
                              "install busybox-static for /bin/busybox");
  }
  return {};
}

} // namespace reeve::bench
