// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace reeve::tests {

/// What Reeve could leave behind on this machine: control groups, mounts,
/// processes of this build's holder program, descriptors of this process. Two
/// snapshots are compared by their difference, and groups count only if a Reeve
/// under test has had them open, so that tests may run beside other Reeves.
struct host_snapshot {
  std::set<std::string> cgroups;
  std::set<std::string> mounts;
  std::set<std::string> processes;
  std::set<std::string> descriptors;

  [[nodiscard]] static host_snapshot take();
};

/// What is in `now` and was not in `before`, a line each; empty if nothing.
/// Takes new snapshots until nothing is left or the deadline has passed: the
/// host's init reaps orphans in its own time.
[[nodiscard]] std::string leaked_since(const host_snapshot& before);

/// Notes the groups that a Reeve has open as its own: `/proc/PID/fd` knows
/// them. To be called while it runs.
void note_groups_of(pid_t reeve);

/// For the next test.
void forget_noted_groups();

/// The top groups of all that were noted, one for each hierarchy.
[[nodiscard]] std::vector<std::string> noted_groups();

} // namespace reeve::tests
