// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

struct kernel_version {
  int major = 0;
  int minor = 0;

  // clang-tidy 14 sees a literal zero inside the defaulted comparison.
  // NOLINTBEGIN(modernize-use-nullptr)
  friend auto operator<=>(const kernel_version&,
                          const kernel_version&) = default;
  // NOLINTEND(modernize-use-nullptr)
};

/// Reads "6.1.0-18-amd64"; empty for text that does not begin like that.
[[nodiscard]] std::optional<kernel_version>
parse_kernel_version(std::string_view release);

/// What the running kernel can do for this process. Plain data: probed once at
/// start by `probe_features` and passed around, so that no code tries calls
/// for ENOSYS at run time, and tests can describe any kernel.
///
/// A feature counts only if this process may use it: probed without root, most
/// mount features are false.
struct features {
  /// As uname(2) tells it.
  std::string release;
  kernel_version version;

  // Tried by a call that cannot take effect.
  bool clone3_into_cgroup = false;
  bool pidfd_open = false;
  bool openat2 = false;
  bool idmapped_mounts = false;
  bool move_mount_beneath = false;
  bool seccomp_filter = false;

  /// fsopen("overlay"): loads the module if it has to.
  bool overlay = false;
  /// Overlays over layers that are mounted nowhere; tried with an overlay over
  /// a tmpfs, both detached. Otherwise a broker attaches the layers first.
  bool overlay_on_detached_layers = false;

  // Read from /proc.
  bool user_namespaces = false;
  bool time_namespaces = false;
  /// Pressure stall information.
  bool psi = false;
  /// CAP_SYS_RESOURCE is effective: limits may be raised.
  bool sys_resource = false;

  /// By version alone (5.14): trying it takes a cgroup2 group of one's own.
  bool cgroup_kill = false;
};

/// Asks the kernel; takes well under a millisecond unless a module is loaded.
/// Leaves nothing behind: what it mounts is attached nowhere. Never fails; a
/// probe that does makes its feature absent.
[[nodiscard]] features probe_features();

/// The settings that decide about user namespaces.
struct user_namespace_settings {
  /// user.max_user_namespaces; empty on a kernel without user namespaces.
  std::optional<long> max;
  /// kernel.unprivileged_userns_clone (Debian); empty where it does not exist.
  std::optional<long> unprivileged_clone;
  /// kernel.apparmor_restrict_unprivileged_userns (Ubuntu); same.
  std::optional<long> apparmor_restricts;
  /// CAP_SYS_ADMIN: the last two do not bind.
  bool privileged = false;
};

[[nodiscard]] bool
allows_user_namespaces(const user_namespace_settings& settings) noexcept;

/// One line per feature, for people: `idmapped mounts: yes`.
[[nodiscard]] std::string describe(const features& kernel);

/// Something without which no container can be made.
struct missing_feature {
  std::string feature;
  std::string meaning;
  std::string remedy;
};

/// Empty on a kernel that will do.
[[nodiscard]] std::vector<missing_feature>
missing_for_containers(const features& kernel);

/// `overlay: containers have no private layer over their image; ...`.
[[nodiscard]] std::string to_string(const missing_feature& missing);

} // namespace reeve::kernel
