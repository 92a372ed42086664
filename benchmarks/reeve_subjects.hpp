// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/scenario.hpp"

namespace reeve::bench {

/// Adds Reeve's side of every scenario.
void provide_reeve(registry& to);

/// The ramp of `density`: containers without a process, made one after the
/// other by a daemon without a pool.
[[nodiscard]] kernel::result<std::vector<metric>>
measure_density(const run_options& options, floor_client* floors);

/// All processes of `containers` containers are killed at once, `rounds` times,
/// and come back. An error if one does not, or comes twice.
[[nodiscard]] kernel::result<std::vector<metric>>
measure_restart_storm(const run_options& options, floor_client* floors);

/// The ramp of `stats`: a snapshot of one container, and of each of ten and of
/// so many as are asked for; rows of the latter have the former as their floor.
[[nodiscard]] kernel::result<std::vector<metric>>
measure_watching(const run_options& options, floor_client* floors);

} // namespace reeve::bench
