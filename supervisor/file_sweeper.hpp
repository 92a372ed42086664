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

/// Deletes the directory of a container that no record owns any more; then its
/// ids may be given to another, for no file bears them. Not answered: what
/// cannot be deleted is logged, and found again by the next start.
struct sweep_files {
  std::string id;
  id_base ids = 0; ///< 0: not to be given back
};

/// Answered when nothing is left to be deleted.
struct finish_sweeping {};
struct sweeping_finished {};

/// Deletes files, on a thread for each tree, a few at a time: a tree may be
/// large, and nobody should wait for it. Gives up when the runtime is leaving.
/// One for each runtime.
using file_sweeper_actor =
    caf::typed_actor<caf::reacts_to<sweep_files>,
                     caf::replies_to<finish_sweeping>::with<sweeping_finished>>;

file_sweeper_actor spawn_file_sweeper(caf::actor_system& sys,
                                      std::shared_ptr<services> with);

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::sweep_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::finish_sweeping)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::sweeping_finished)
