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

enum class oom_pause : std::uint8_t { off, on };

/// On, v1: each task that needs memory waits until some is freed or the limit
/// is raised; a system call that cannot wait fails with ENOMEM or EFAULT. v2:
/// memory.high is a sixteenth below memory.max, and at most 32 MiB; set it
/// again after a change of the limit. Where more is in use the kernel reclaims
/// before this returns. ENOTSUP before Linux 5.19.
[[nodiscard]] result<void> set_oom_pause(const container_cgroup& group,
                                         oom_pause pause);

/// v2: bytes between the two for such a limit.
[[nodiscard]] std::uint64_t oom_margin(std::uint64_t limit);

/// v2: off where there is no limit, either.
[[nodiscard]] result<oom_pause> get_oom_pause(const container_cgroup& group);

enum class memory_need : std::uint8_t {
  none,
  /// v1: tasks wait, though the container's own limit leaves room: for a group
  /// above it, for a moment, or because they have missed it; see
  /// `wake_waiting`.
  unfounded,
  /// v1: tasks wait, or are just being killed. v2: more than memory.high is in
  /// use.
  real,
};

/// A few small reads. `none` on v2 without a pause.
[[nodiscard]] result<memory_need>
get_memory_need(const container_cgroup& group);

/// v1: has tasks that wait for memory look again. The pause is off for a
/// moment.
[[nodiscard]] result<void> wake_waiting(const container_cgroup& group);

/// v2: how often somebody was slowed down or refused for want of memory; it
/// does not grow while nobody takes any. ENOTSUP on v1.
[[nodiscard]] result<std::uint64_t>
count_shortages(const container_cgroup& group);

/// Need is real, and on v2 the kernel cannot reclaim what is too much, which it
/// tries here: that can take seconds. Linux 5.19.
[[nodiscard]] result<bool> is_out_of_memory(const container_cgroup& group);

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
