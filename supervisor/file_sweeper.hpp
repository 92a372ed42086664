// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/services.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <string>

namespace reeve::supervisor {

/// There is something new among the unswept files. Not answered: what cannot be
/// deleted is logged, and found again by the next start.
struct sweep_files {};

/// Answered when nothing is left to be deleted.
struct finish_sweeping {};
struct sweeping_finished {};

/// Deletes files, on a thread for each tree, a few at a time: a tree may be
/// large, and nobody should wait for it. Gives up when the runtime is leaving.
/// One for each runtime; one that takes the place of another begins with what
/// that one has left.
using file_sweeper_actor =
    caf::typed_actor<caf::reacts_to<sweep_files>,
                     caf::replies_to<finish_sweeping>::with<sweeping_finished>>;

file_sweeper_actor spawn_file_sweeper(caf::actor_system& sys,
                                      std::shared_ptr<services> with);

/// Has a directory deleted, in the background.
template <class Self>
void sweep(Self* self, services& with, const file_sweeper_actor& sweeper,
           const unswept& what) {
  with.unswept.add(what);
  self->send(sweeper, sweep_files{});
}

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::sweep_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::finish_sweeping)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::sweeping_finished)
