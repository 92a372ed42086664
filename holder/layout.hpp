// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

/// Paths of the minimal mount namespace in which holders are born and wait for
/// a root file system. The mount broker stages the container's /proc, /sys and
/// /dev below `stage` and pivots away from this tree.
namespace reeve::holder::layout {

inline constexpr const char* proc = "/proc";
inline constexpr const char* socket_path = "/listener"; ///< for a moment
inline constexpr const char* stage = "/stage";

} // namespace reeve::holder::layout
