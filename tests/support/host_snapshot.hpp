// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <set>
#include <string>

namespace reeve::tests {

/// What Reeve could leave behind on this machine: control groups, mounts,
/// helper and container processes, descriptors of this process. Two snapshots
/// are compared by their difference, so that tests may run beside a daemon
/// that somebody has started by hand.
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

} // namespace reeve::tests
