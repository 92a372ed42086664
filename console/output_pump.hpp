// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reeve::console {

/// Writes to one of our standard streams without blocking and without
/// O_NONBLOCK, which would hit everybody who shares the open file. What cannot
/// be written yet is kept.
class output_pump {
public:
  explicit output_pump(int fd) : fd_{fd} {}

  enum class state : std::uint8_t {
    idle,    ///< all is written
    waiting, ///< poll the descriptor for POLLOUT, then `write`
    closed,  ///< nobody reads any more; what comes is dropped
    failed,  ///< see `error`
  };

  void put(std::string_view bytes);

  /// Call when the descriptor is writable.
  void write();

  [[nodiscard]] state now() const {
    return state_;
  }

  [[nodiscard]] int fd() const {
    return fd_;
  }

  /// An errno value.
  [[nodiscard]] int error() const {
    return error_;
  }

private:
  int fd_; ///< borrowed
  std::string pending_;
  std::size_t written_ = 0;
  state state_ = state::idle;
  int error_ = 0;
};

} // namespace reeve::console
