// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>
#include <string_view>

namespace reeve::supervisor {

/// The control group below which a service manager lets us make our own, out of
/// the text of /proc/self/cgroup; empty if there is none.
///
/// On cgroup2 a group with processes in it hands no controllers down, and a
/// manager that starts us again while containers live could not put us back
/// into the unit's own group. So our unit asks for us to be put into a leaf
/// beside the containers (DelegateSubgroup=, systemd 254); that leaf is what
/// this looks for. On v1 there is no delegation that deserves the name.
[[nodiscard]] inline std::string delegated_group(std::string_view own_groups) {
  constexpr std::string_view unified = "0::/";
  constexpr std::string_view leaf = "/reeved\n";
  if (!own_groups.starts_with(unified) || !own_groups.ends_with(leaf)
      || own_groups.find('\n') != own_groups.size() - 1)
    return {};
  own_groups.remove_prefix(unified.size() - 1);
  own_groups.remove_suffix(leaf.size());
  return std::string{own_groups};
}

} // namespace reeve::supervisor
