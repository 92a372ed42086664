// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/fwd.hpp>

namespace reeve::actors {

/// Replaces CAF's scheduler by one made for requests that pass through several
/// actors, one after the other, on a machine that is otherwise idle.
///
/// With CAF's own, each actor that gets a message is an event for another
/// worker thread: a chain of five costs five wake-ups, and two threads on one
/// processor take turns instead of working. Here a worker keeps the actor that
/// it woke last and runs it next itself; only when it wakes a second one does
/// the first go to the other workers. So a chain runs on one thread, and a
/// fan-out spreads as before. Messages from other threads (sockets, timers, the
/// host program) always go to whoever is free.
///
/// An actor may run `max_messages` before it has to queue up again, so that
/// what its worker keeps for next does not wait for a busy mailbox.
///
/// Call it on a configuration before the actor system is made. It takes the
/// place of `scheduler.policy`; `scheduler.max-threads` holds.
void use_handoff_scheduler(caf::actor_system_config& cfg);

} // namespace reeve::actors
