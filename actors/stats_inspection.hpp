// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/inspection.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/effective_limits.hpp"
#include "kernel-iface/process_stats.hpp"

/// Statistics and limits travel as they are read.
namespace reeve::kernel {

REEVE_DECLARE_INSPECTION(cpu_stats)
REEVE_DECLARE_INSPECTION(memory_stats)
REEVE_DECLARE_INSPECTION(pids_stats)
REEVE_DECLARE_INSPECTION(disk_stats)
REEVE_DECLARE_INSPECTION(pressure_line)
REEVE_DECLARE_INSPECTION(pressure)
REEVE_DECLARE_INSPECTION(container_stats)
REEVE_DECLARE_INSPECTION(process_stats)
REEVE_DECLARE_INSPECTION(effective_limit)

} // namespace reeve::kernel
