// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <atomic>
#include <cstdint>

namespace reeve::kernel {

/// In builds for tests: the file in which processes with
/// `REEVE_KERNEL_FAULT_LOG` count their calls to the kernel, mapped by all.
struct fault_log {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  std::atomic<std::uint64_t> calls;
  char text[1024]; ///< which one has failed, and its callers; empty: none
};

} // namespace reeve::kernel
