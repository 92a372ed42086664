// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_client.hpp"
#include "actors/helper_messages.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>

namespace reeve::actors {

/// Makes the container's root and switches its waiting PID 1 to it.
struct attach_layer {
  attach_root order;
};

/// Before PID 1 is ended: the last reference to a durable overlay syncs the
/// upper file system, so a thread of its own takes that reference and lets go
/// of it; the answer does not wait for that. Kept as a descriptor from the
/// beginning, it would cost the daemon one for each container.
struct detach_layer {
  std::int32_t holder_pid = 0; ///< 0: there is none any more
  kernel::durability writes = kernel::durability::durable;
};

struct layer_done {};

/// One container's root file system: its image layers, which are shared and
/// never written, and its private layer.
using filesystem_layer_actor =
    caf::typed_actor<caf::replies_to<attach_layer>::with<layer_done>,
                     caf::replies_to<detach_layer>::with<layer_done>>;

filesystem_layer_actor spawn_filesystem_layer(caf::actor_system& sys,
                                              mount_broker_actor broker);

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::attach_layer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::detach_layer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::layer_done)
