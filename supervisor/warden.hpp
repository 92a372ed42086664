// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/container.hpp"
#include "supervisor/event_log.hpp"
#include "supervisor/file_sweeper.hpp"
#include "supervisor/images.hpp"
#include "supervisor/services.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>

namespace reeve::supervisor {

/// Takes over every record, then clears what belongs to none. Answers when
/// both are done, or have taken too long to be waited for. Once: a repeat is
/// answered at once.
struct adopt_all {
  bool again = false; ///< a warden has failed; answers when all are known
};
struct all_adopted {
  std::uint32_t containers = 0;
};

/// Stops every container (and removes those with `remove_on_exit`).
struct stop_all {};
struct all_stopped {
  std::uint32_t left = 0; ///< could not be stopped
};

/// Names and manages the collection of containers: creates, finds, lists,
/// passes messages on, keeps the events. Holds no lock and waits for nobody:
/// a container that hangs is still listed, from what it last said.
///
/// Spawned by `runtime`. The messages of api.hpp, and those of its owner.
using warden_actor = local_api_actor::extend<
    caf::replies_to<adopt_all>::with<all_adopted>,
    caf::replies_to<stop_all>::with<all_stopped>,
    caf::replies_to<resolve_holder>::with<holder_resolved>,
    caf::replies_to<resolve_group>::with<group_resolved>,
    caf::replies_to<take_down_nested>::with<nested_down>,
    caf::reacts_to<container_change>>;

struct warden_options {
  std::shared_ptr<services> with;
  holder_pool_actor pool;
  file_sweeper_actor sweeper;
  std::shared_ptr<event_log> log; ///< goes on when a warden fails
};

warden_actor spawn_warden(caf::actor_system& sys, warden_options how);

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adopt_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::all_adopted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::stop_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::all_stopped)
