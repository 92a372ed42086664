// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/process_spec.hpp"
#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "supervisor/exit_reason.hpp"
#include "supervisor/run_notes.hpp"

#include <cstdint>

/// Between the words of a spec and those of the holder's protocol. Pure.
namespace reeve::supervisor {

/// `container` is the most that a process may hold.
[[nodiscard]] kernel::holder::spawn_order
make_spawn_order(std::uint64_t process, const config::process_spec& spec,
                 const run_notes& notes, kernel::capability_set container);

[[nodiscard]] exit_reason reason_of(const kernel::holder::end_of_process& end);

[[nodiscard]] start_step step_of(kernel::holder::spawn_step step);

/// What the step was about, for people: "execute", "change the directory to".
[[nodiscard]] const char* words_for(kernel::holder::spawn_step step);

} // namespace reeve::supervisor
