// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

/// The controllers that containers use. On v2 some of them are no controllers
/// any more: cpuacct is part of cpu, devices is a BPF hook, freezer is part of
/// every group, and blkio is called io.
enum class controller : std::uint8_t {
  cpu,
  cpuacct,
  cpuset,
  memory,
  devices,
  freezer,
  blkio,
  pids,
  hugetlb,
};

/// The name under which v1 mounts it.
[[nodiscard]] std::string_view to_string(controller which) noexcept;

class controller_set {
public:
  constexpr controller_set() noexcept = default;

  constexpr controller_set(std::initializer_list<controller> members) noexcept {
    for (auto member : members)
      insert(member);
  }

  constexpr void insert(controller which) noexcept {
    bits_ = static_cast<std::uint16_t>(bits_ | bit(which));
  }

  [[nodiscard]] constexpr bool contains(controller which) const noexcept {
    return (bits_ & bit(which)) != 0;
  }

  [[nodiscard]] constexpr bool empty() const noexcept {
    return bits_ == 0;
  }

  friend constexpr bool operator==(controller_set, controller_set) = default;

private:
  static constexpr std::uint16_t bit(controller which) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(which));
  }

  std::uint16_t bits_ = 0;
};

/// `hybrid`: limits on v1, plus a cgroup2 tree that carries cgroup BPF and
/// cgroup.kill.
enum class cgroup_mode : std::uint8_t { v1, hybrid, v2 };

[[nodiscard]] std::string_view to_string(cgroup_mode mode) noexcept;

/// One mounted v1 hierarchy; several controllers may share it (cpu,cpuacct).
struct v1_hierarchy {
  std::string mount;
  controller_set controllers;
  std::string group = {}; ///< that is mounted there, if not the root
};

/// Where this machine mounts its cgroups; probed once and passed on. Plain
/// data: a test may write down a machine of its own.
struct cgroup_mounts {
  cgroup_mode mode = cgroup_mode::v1;
  std::vector<v1_hierarchy> v1; ///< each hierarchy once; none in mode v2
  std::string unified;          ///< mount of cgroup2; empty in mode v1
  std::string unified_group;    ///< that is mounted there, if not the root

  /// Reads a mountinfo file (proc(5)) and, if there is a cgroup2, the
  /// controllers in its root. A controller is bound to v1 or to cgroup2, never
  /// to both: the mode is v2 if cgroup2 has cpu, memory and pids. A v1
  /// hierarchy that somebody mounts beside it is not used.
  [[nodiscard]] static result<cgroup_mounts>
  probe(const std::string& mountinfo = "/proc/self/mountinfo");

  /// The pure part. `root_controllers` answers with the text of
  /// cgroup.controllers in the mount point that it is given.
  [[nodiscard]] static result<cgroup_mounts>
  parse(std::string_view mountinfo,
        const std::function<result<std::string>(const std::string& mount)>&
            root_controllers);
};

} // namespace reeve::kernel
