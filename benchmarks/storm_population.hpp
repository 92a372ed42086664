// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/reeve_host.hpp"
#include "benchmarks/scenario.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace reeve::bench {

/// A process of a storm, as Reeve tells of it.
struct storm_target {
  std::string key; ///< as `storm_key` makes it
  pid_t pid = 0;
  pid_t holder = 0; ///< PID 1 of its container
  std::uint32_t restarts = 0;
};

[[nodiscard]] std::string storm_container(std::size_t i);

[[nodiscard]] std::string storm_key(const std::string& container,
                                    const std::string& process);

/// Makes the containers of a storm, with permanent processes that are restarted
/// at once and for ever. Says how many: fewer than asked for when the run was
/// interrupted.
[[nodiscard]] kernel::result<std::size_t>
populate_storm(reeve_host& host, const run_options& options);

/// All processes: the first of each container, then the second of each. An
/// error if one does not run.
[[nodiscard]] kernel::result<std::vector<storm_target>>
find_storm_targets(reeve_host& host, std::size_t containers,
                   std::size_t processes);

/// Whether a storm did what it should: every process has been restarted once
/// and has a new pid, and in /proc PID 1 of its container has these children
/// and no other, not even a dead one.
[[nodiscard]] kernel::result<void>
check_restarted(const std::vector<storm_target>& before,
                const std::vector<storm_target>& after);

} // namespace reeve::bench
