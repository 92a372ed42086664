// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <mutex>
#include <utility>

namespace reeve::kernel {

enum class freeze_state { thawed, freezing, frozen };

/// Freezing takes time and may never end (a task stuck in the kernel): request
/// it, then poll `get_freeze_state` with a deadline. On v1 repeat the request
/// while it says `freezing`, since tasks that fork meanwhile can keep it there.
/// The holder is not frozen.
[[nodiscard]] result<void> request_freeze(const container_cgroup& group);

[[nodiscard]] result<void> request_thaw(const container_cgroup& group);

/// v2: stops the user processes, or lets them go on, whatever the two above
/// have asked for; they run when neither stops them. Not waited for; SIGKILL
/// ends them all the same. ENOTSUP on v1.
[[nodiscard]] result<void> stop_user_processes(const container_cgroup& group);
[[nodiscard]] result<void>
continue_user_processes(const container_cgroup& group);

/// By a container that it is in: the wish is not its own.
[[nodiscard]] result<bool> is_frozen_from_above(const container_cgroup& group);

/// Its own, whatever those above it wish.
[[nodiscard]] result<freeze_state>
get_freeze_state(const container_cgroup& group);

/// Freezes a group for more than one reason: it thaws when the last one is
/// gone. Requests only, as above. Any thread.
class shared_freezer {
public:
  enum class reason : std::uint8_t { pause = 1, dirty_pages = 2 };

  explicit shared_freezer(container_cgroup group) : group_(std::move(group)) {}

  [[nodiscard]] result<void> freeze(reason why);
  [[nodiscard]] result<void> thaw(reason why);

private:
  std::mutex mutex_; ///< held over the write: in the kernel's order, too
  container_cgroup group_;
  unsigned reasons_ = 0;
};

} // namespace reeve::kernel
