// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>

namespace reeve::kernel {

/// What was in use; memory and swap, in bytes.
struct memory_use {
  std::uint64_t memory = 0;
  std::uint64_t swap = 0;
};

struct reclaimed_memory {
  memory_use before;
  memory_use after;
};

/// Has the kernel take so many bytes of memory back from the container, or as
/// much as it can: page cache is dropped, what is dirty is written out, the
/// rest goes to swap if there is any. That there is not so much is no error:
/// `after` says what was done. Takes seconds where it has to write.
///
/// v2: memory.reclaim, Linux 5.19; ENOTSUP before that. v1: all of it by
/// memory.force_empty, also where `set_oom_pause` is on; a part by a limit that
/// is lower for as long as the kernel reclaims. Who needs more memory meanwhile
/// is paused, not killed, though a system call of his may fail with ENOMEM; if
/// we die in between, the pause and the limit stay: see `end_reclaim`.
[[nodiscard]] result<reclaimed_memory>
reclaim_memory(const container_cgroup& group, std::uint64_t bytes);

/// Of a container that is to have no `oom_pause`: ends one that is left by
/// somebody who died, amid that or before he had written down that he set it.
/// On v1 the limit may be the lower one: `limit` is the one to be in force, in
/// bytes, or what is in use if that is more. One small read where nothing was
/// left.
[[nodiscard]] result<void> end_reclaim(const container_cgroup& group,
                                       std::uint64_t limit);

} // namespace reeve::kernel
