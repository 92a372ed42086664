// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/context.hpp"
#include "console/table.hpp"
#include "console/target.hpp"
#include "supervisor/api.hpp"

namespace reeve::console {

/// The state of a process for people: "running", "running, not ready",
/// "waiting for db".
[[nodiscard]] table::cell state_of(const supervisor::process_info& info);

/// Asks for it; an error that begins with `what` if there is no such process.
[[nodiscard]] result<supervisor::process_info>
find_process(context& ctx, const target& which, const std::string& what);

} // namespace reeve::console
