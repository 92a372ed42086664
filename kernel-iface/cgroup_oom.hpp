// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>

/// A container at its limit of memory, before the kernel kills for it. v1 can
/// pause each task that needs more (cgroup-v1/memory.rst, 10). v2 always kills
/// at memory.max; below that, at memory.high, it slows them down more and more
/// (cgroup-v2.rst), which leaves a while to act.
namespace reeve::kernel {

/// v1: each task that needs memory waits until some is freed or the limit is
/// raised; a system call that cannot wait fails with ENOMEM. v2: memory.high is
/// a sixteenth below memory.max, and at most 32 MiB; set it again after a
/// change of the limit.
[[nodiscard]] result<void> set_oom_pause(const container_cgroup& group,
                                         bool on);

/// v2: false where there is no limit, either.
[[nodiscard]] result<bool> has_oom_pause(const container_cgroup& group);

/// v1: tasks wait because of the container's own limit, or are just being
/// killed. v2: more than memory.high is in use, if `set_oom_pause` is on. A few
/// small reads.
[[nodiscard]] result<bool> may_be_out_of_memory(const container_cgroup& group);

/// The same, and on v2 the kernel cannot reclaim it either, which it tries
/// here: that can take seconds.
[[nodiscard]] result<bool> is_out_of_memory(const container_cgroup& group);

/// Lets the kernel reclaim what it can, which may take seconds; writes out what
/// is dirty, and swaps. memory.force_empty, memory.reclaim (Linux 5.19).
[[nodiscard]] result<void> reclaim_all(const container_cgroup& group);

/// A descriptor that poll(2) tells `events` of when the group may be out of
/// memory: now and then for nothing, never late. v1 an eventfd(2), v2
/// memory.events.
class oom_watch {
public:
  [[nodiscard]] static result<oom_watch> open(const container_cgroup& group);

  [[nodiscard]] int fd() const noexcept {
    return fd_.get();
  }

  [[nodiscard]] std::uint32_t events() const noexcept {
    return events_;
  }

  /// What was told is taken, so that only what is new is told.
  void take() const;

private:
  oom_watch(unique_fd fd, std::uint32_t events)
      : fd_{std::move(fd)},
        events_{events} {}

  unique_fd fd_;
  std::uint32_t events_ = 0;
};

} // namespace reeve::kernel
