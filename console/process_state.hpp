// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/table.hpp"
#include "supervisor/api.hpp"

namespace reeve::console {

/// The state of a process for people: "running", "running, not ready",
/// "waiting for db".
[[nodiscard]] table::cell state_of(const supervisor::process_info& info);

} // namespace reeve::console
