// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace reeve::kernel {

/// One process, without its children. Times are to a clock tick.
struct process_stats {
  pid_t parent = 0;
  std::chrono::nanoseconds user{};
  std::chrono::nanoseconds system{};
  std::uint64_t threads = 0;
  std::uint64_t resident = 0; ///< bytes of memory, shared ones included
  std::uint64_t swap = 0;     ///< bytes
  std::uint64_t faults = 0;   ///< minor ones
  std::uint64_t major_faults = 0;
  /// Bytes that reached a disk, or came from one; 0 where the kernel does not
  /// count them (CONFIG_TASK_IO_ACCOUNTING).
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
};

/// ESRCH if there is no such process. Three small files of proc(5), read one
/// after the other; does not block.
[[nodiscard]] result<process_stats> read_process_stats(pid_t pid);

} // namespace reeve::kernel
