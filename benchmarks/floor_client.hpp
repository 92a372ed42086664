// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/floor.hpp"
#include "benchmarks/scratch_directory.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>

namespace reeve::bench {

/// Owns a running reeve-bench-floor, found beside this program. It is in a
/// process group of its own: a Ctrl-C on the terminal must not stop it before
/// it has cleaned up; it ends when its socket is closed. Destruction waits for
/// that.
class floor_client {
public:
  [[nodiscard]] static kernel::result<floor_client> start();

  floor_client(floor_client&& other) noexcept;
  floor_client& operator=(floor_client&&) = delete;
  floor_client(const floor_client&) = delete;
  floor_client& operator=(const floor_client&) = delete;
  ~floor_client();

  /// Blocks for one iteration. `processes` is how many a storm has.
  [[nodiscard]] kernel::result<duration> measure(floor_kind kind,
                                                 std::uint32_t processes = 0);

  /// Where it works, and who: its groups are named `reeve-bench-<pid>-<n>`.
  [[nodiscard]] const std::filesystem::path& directory() const noexcept {
    return directory_.path();
  }
  [[nodiscard]] pid_t pid() const noexcept {
    return pid_;
  }

private:
  floor_client(scratch_directory directory, kernel::unique_fd socket, pid_t pid)
      : directory_(std::move(directory)),
        socket_(std::move(socket)),
        pid_(pid) {}

  scratch_directory directory_;
  kernel::unique_fd socket_;
  pid_t pid_;
};

} // namespace reeve::bench
