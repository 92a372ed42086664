// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace reeve::tests {

namespace detail {

inline void require(bool holds, const char* what) {
  if (!holds)
    throw std::runtime_error(what);
}

} // namespace detail

/// A file without a name, at its beginning.
[[nodiscard]] inline kernel::unique_fd
memory_file(const std::string& contents = {}) {
  auto out = kernel::unique_fd::adopt(::memfd_create("test", MFD_CLOEXEC));
  detail::require(static_cast<bool>(out), "memfd_create");
  auto done = std::size_t{0};
  while (done < contents.size()) {
    auto n = ::write(out.get(), contents.data() + done, contents.size() - done);
    detail::require(n > 0, "write");
    done += static_cast<std::size_t>(n);
  }
  detail::require(::lseek(out.get(), 0, SEEK_SET) == 0, "lseek");
  return out;
}

/// All of it, wherever its offset is.
[[nodiscard]] inline std::string contents_of(const kernel::unique_fd& file) {
  struct stat info {};
  detail::require(::fstat(file.get(), &info) == 0, "fstat");
  auto out = std::string(static_cast<std::size_t>(info.st_size), '\0');
  auto done = std::size_t{0};
  while (done < out.size()) {
    auto n = ::pread(file.get(), out.data() + done, out.size() - done,
                     static_cast<off_t>(done));
    detail::require(n > 0, "pread");
    done += static_cast<std::size_t>(n);
  }
  return out;
}

} // namespace reeve::tests
