// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/process_lifecycle.hpp"

#include <span>

namespace reeve::supervisor {

/// When the ends of its processes stop a container, as OTP's auto_shutdown.
enum class auto_stop : std::uint8_t { never, any_significant, all_significant };

enum class significance : std::uint8_t { ordinary, significant };

/// What the rule looks at in a process.
struct process_standing {
  significance weight = significance::ordinary;
  process_phase phase = process_phase::created;
  exit_kind last = exit_kind::lost; ///< meaningful when it has ended
};

/// Whether the container is to stop now. Only a significant process that ended
/// *by itself* and for good stops it, given up ones included: what a user
/// stopped, a user may start again. `all_significant` waits for those that
/// live and for those that have not been started yet. To be asked while the
/// container runs: during a rebuild, a lost process may still come back.
[[nodiscard]] bool should_stop(auto_stop rule,
                               std::span<const process_standing> processes);

} // namespace reeve::supervisor
