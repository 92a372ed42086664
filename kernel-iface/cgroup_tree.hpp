// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

/// The open directories of one instance, one descriptor per hierarchy however
/// many containers there are. Immutable once made and shared by the instance
/// and its containers, from any thread.
struct cgroup_tree {
  struct hierarchy {
    controller_set controllers; ///< empty for cgroup2
    std::string path;
    unique_fd dir;

    [[nodiscard]] cgroup_dir group(std::string_view name) const {
      return {dir.get(), path, std::string{name}};
    }
  };

  cgroup_mode mode = cgroup_mode::v1;
  std::vector<hierarchy> v1;
  std::optional<hierarchy> unified;

  /// The v1 hierarchy that carries a controller, or null.
  [[nodiscard]] const hierarchy* find(controller which) const noexcept;
};

/// Where PID 1 goes on v1 so that it still answers when its container is out
/// of memory, out of pids, out of its share of cpu or frozen; on v2 that of a
/// nested container, into a group of its own. No container may be called so.
inline constexpr std::string_view holders_group = "holders";

/// The hierarchies that have such a group.
[[nodiscard]] inline bool is_holder_home(const cgroup_tree::hierarchy& h) {
  return h.controllers.contains(controller::memory)
         || h.controllers.contains(controller::cpu)
         || h.controllers.contains(controller::pids)
         || h.controllers.contains(controller::freezer);
}

/// v2: gives the groups below `dir` those of our controllers that it has
/// itself. cpu, memory and pids must work if they are there; cpuset and io
/// are a bonus that some set-ups refuse.
[[nodiscard]] result<void> enable_controllers(const cgroup_dir& dir);

} // namespace reeve::kernel
