// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_client.hpp"
#include "actors/helper_messages.hpp"
#include "kernel-iface/delete_tree.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <string>

namespace reeve::actors {

/// Makes the container's root and switches its waiting PID 1 to it.
struct attach_layer {
  attach_root order;
};

/// Lets go of the overlay. Its last close syncs the upper file system when the
/// layer is durable, so a worker does it; the answer does not wait for that.
struct detach_layer {};

/// Deletes the container's private files. Answers when they are gone, or with
/// the path of the first that cannot be deleted. A thread of its own does it,
/// however long that takes: other requests are answered meanwhile.
struct delete_layer {
  std::string directory;
};

struct layer_done {};

/// One container's root file system: its image layers, which are shared and
/// never written, and its private layer.
using filesystem_layer_actor =
    caf::typed_actor<caf::replies_to<attach_layer>::with<layer_done>,
                     caf::replies_to<detach_layer>::with<layer_done>,
                     caf::replies_to<delete_layer>::with<layer_done>>;

filesystem_layer_actor spawn_filesystem_layer(caf::actor_system& sys,
                                              mount_broker_actor broker);

/// For those who may block and need no actor for it.
using kernel::delete_tree;

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::attach_layer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::detach_layer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::delete_layer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::layer_done)
