// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/table.hpp"
#include "supervisor/api.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace reeve::console {

/// The tree of supervision: daemon, containers, and in each its PID 1, its
/// cgroup and its processes.
struct supervision_tree {
  supervisor::daemon_info daemon;
  std::vector<supervisor::container_details> containers;
};

[[nodiscard]] std::string drawn(const supervision_tree& tree,
                                std::int64_t now_ms, const output_style& style);

} // namespace reeve::console
