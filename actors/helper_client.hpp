// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_messages.hpp"
#include "actors/poller.hpp"
#include "kernel-iface/helper_process.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <string>

namespace reeve::actors {

/// In front of the zygote process, which carries out one request after the
/// other; the rest waits here. The deadline of a request runs from when its
/// turn comes. Then the process is killed and that request fails, as it does
/// when the process dies with it; all others go to the next process, which is
/// started for them. Holders that it has cloned are not its children any more
/// and do not notice.
using zygote_actor =
    caf::typed_actor<caf::replies_to<start_holder>::with<holder_started>>;

/// In front of the mount broker process; replaced in the same way.
using mount_broker_actor =
    caf::typed_actor<caf::replies_to<prepare_root>::with<root_prepared>,
                     caf::replies_to<attach_root>::with<root_attached>>;

struct helper_options {
  std::string program;                        ///< path of reeve-holder
  std::chrono::milliseconds deadline{10'000}; ///< of each request, once begun
  std::shared_ptr<const void> keep_alive;     ///< what the poller belongs to
};

/// `watch` must outlive the actor.
zygote_actor spawn_zygote(caf::actor_system& sys, poller& watch,
                          helper_options how);

mount_broker_actor spawn_mount_broker(caf::actor_system& sys, poller& watch,
                                      helper_options how);

} // namespace reeve::actors
