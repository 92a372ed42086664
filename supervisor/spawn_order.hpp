// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/limits.hpp"
#include "config/process_spec.hpp"
#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "supervisor/exit_reason.hpp"
#include "supervisor/run_notes.hpp"

#include <cstdint>
#include <vector>

/// Between the words of a spec and those of the holder's protocol. Pure.
namespace reeve::supervisor {

/// The most that a process of a container may have.
struct container_bounds {
  kernel::capability_set capabilities;
  config::rlimit_list rlimits; ///< and what it has that asks for nothing
};

/// Its own, but not above those of the container; and these where it has none.
[[nodiscard]] std::vector<kernel::holder::rlimit_entry>
rlimits_of(const config::process_spec& spec,
           const config::rlimit_list& container);

[[nodiscard]] kernel::holder::spawn_order
make_spawn_order(std::uint64_t process, const config::process_spec& spec,
                 const run_notes& notes, const container_bounds& container);

[[nodiscard]] exit_reason reason_of(const kernel::holder::end_of_process& end);

[[nodiscard]] start_step step_of(kernel::holder::spawn_step step);

/// What the step was about, for people: "execute", "change the directory to".
[[nodiscard]] const char* words_for(kernel::holder::spawn_step step);

} // namespace reeve::supervisor
