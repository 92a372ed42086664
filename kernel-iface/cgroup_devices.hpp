// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

/// One line of an allow-list of devices, such as `c 136:* rwm`.
struct device_rule {
  enum class kind : std::uint8_t { any, block, character };

  /// Flags; `make` is mknod(2).
  static constexpr unsigned make = 1U;
  static constexpr unsigned read = 2U;
  static constexpr unsigned write = 4U;
  static constexpr unsigned all = make | read | write;

  kind type = kind::any;
  std::optional<std::uint32_t> major; ///< empty: each
  std::optional<std::uint32_t> minor; ///< empty: each
  unsigned access = all;

  friend bool operator==(const device_rule&, const device_rule&) = default;
};

/// As the kernel's devices.allow spells it.
[[nodiscard]] std::string to_string(const device_rule& rule);

/// The reverse of to_string; also what devices.list says.
[[nodiscard]] std::optional<device_rule>
parse_device_rule(std::string_view text);

/// null, zero, full, random, urandom, tty, ptmx, pts; and mknod of any device,
/// which without the right to open it is harmless and which tar needs.
[[nodiscard]] std::vector<device_rule> default_device_rules();

/// Allows exactly these devices from now on; descriptors that are open stay
/// open. Rules that stay are in force without a gap, so this is also how a live
/// container gets one device more. The devices controller where v1 mounts it,
/// else a BPF program on `box` (v2) or on the twin.
[[nodiscard]] result<void> set_devices(const container_cgroup& group,
                                       const std::vector<device_rule>& rules);

/// The BPF half of set_devices, in two steps for who wants to load a program
/// once and attach it to many groups: the verifier takes most of the time.
[[nodiscard]] result<unique_fd>
load_device_program(const std::vector<device_rule>& rules);

/// Puts the program in the place of the one that an earlier call attached to
/// this very group of a cgroup2, in one step. The group keeps it alive.
[[nodiscard]] result<void> attach_device_program(const cgroup_dir& dir,
                                                 int program);

} // namespace reeve::kernel
