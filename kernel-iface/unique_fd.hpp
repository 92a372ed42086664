// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <utility>

namespace reeve::kernel {

/// Owns one file descriptor. Move-only; `-1` is empty. The destructor closes
/// and keeps `errno`, so that it may run between a failed call and the look at
/// its error. A plain `int` descriptor elsewhere is always borrowed.
class unique_fd {
public:
  unique_fd() noexcept = default;

  /// Takes over a descriptor that the caller owns (or -1).
  [[nodiscard]] static unique_fd adopt(int fd) noexcept {
    return unique_fd{fd};
  }

  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}

  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other)
      reset(other.release());
    return *this;
  }

  unique_fd(const unique_fd&) = delete;
  unique_fd& operator=(const unique_fd&) = delete;

  ~unique_fd() {
    reset();
  }

  /// Borrowed: do not close.
  [[nodiscard]] int get() const noexcept {
    return fd_;
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return fd_ >= 0;
  }

  /// Gives the descriptor up; the caller owns it now.
  [[nodiscard]] int release() noexcept {
    return std::exchange(fd_, -1);
  }

  /// Closes what is held, then adopts `fd`.
  void reset(int fd = -1) noexcept;

private:
  explicit unique_fd(int fd) noexcept : fd_(fd) {}

  int fd_ = -1;
};

} // namespace reeve::kernel
