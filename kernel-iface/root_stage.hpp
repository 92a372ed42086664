// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/broker_namespace.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "job-iface/reeve_limits.h"

namespace reeve::kernel {

/// Where the mount broker binds a container's limits socket: what
/// getsockname(2) says of it ever after.
inline constexpr auto limits_socket_path = "/stage" REEVE_LIMITS_SOCKET;

/// How the container sees its control groups at /sys/fs/cgroup.
enum class cgroup_view {
  none,
  /// One directory per v1 hierarchy.
  v1,
  /// The same and the cgroup2 tree at `unified`.
  hybrid,
  /// A cgroup2 tree alone.
  v2,
};

struct stage_options {
  /// The host's id of the container's root; 0 without a user namespace.
  std::uint32_t first_id = 0;

  /// Room for small files in /dev, among them the holder's copy of itself.
  std::uint64_t dev_bytes = 4U << 20U;
  std::uint64_t shm_bytes = 64U << 20U;

  cgroup_view cgroups = cgroup_view::none;

  /// For `v1` and `hybrid`: the mount options that name a hierarchy ("memory",
  /// "cpu,cpuacct", "name=systemd").
  std::vector<std::string> v1_hierarchies;

  /// Made read-only, files and directories of /proc and /sys. What this
  /// kernel lacks is passed over, here and below.
  std::vector<std::string> read_only_paths{"/proc/bus", "/proc/fs", "/proc/irq",
                                           "/proc/sys", "/proc/sysrq-trigger"};

  /// Made empty: they tell about, or reach into, the whole host.
  std::vector<std::string> masked_paths{
      "/proc/acpi",
      "/proc/asound",
      "/proc/interrupts",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/sched_debug",
      "/proc/scsi",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/sys/devices/virtual/powercap",
      "/sys/firmware",
      "/sys/kernel/debug",
      "/sys/kernel/security",
      "/sys/kernel/tracing",
  };
};

struct stage_report {
  /// The v1 hierarchies that could not be mounted, and why.
  std::vector<sys_error> missing_hierarchies;
};

/// Puts together under /stage, in the mount namespace of a container's holder,
/// what does not depend on its image: `proc`, `sys` and `dev`. A pool can do
/// this before it knows the image; `attach_root` moves the three into place.
///
/// The namespace must hold the directories /proc (the container's procfs) and
/// /stage, and must belong to the initial user namespace: that is why the
/// container can lift none of this.
///
/// The broker makes these mounts because the holder may not: mqueue, sysfs and
/// cgroup file systems show the namespaces of their maker, which joins the
/// holder's for the purpose. After an error the holder is to be killed, which
/// drops what was attached there.
///
/// The limits socket, if there is one, is bound in `dev`, for everybody in the
/// container, and listens. It is the caller's, of his network namespace.
[[nodiscard]] result<stage_report> prepare_stage(const broker_namespace& home,
                                                 int holder_pidfd,
                                                 const stage_options& options,
                                                 int limits_socket = -1);

} // namespace reeve::kernel
