// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_messages.hpp"
#include "actors/poller.hpp"
#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/container_cgroup.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace reeve::supervisor {

/// They may have changed: who watches them is told, if they have.
struct tell_limits {};

/// Tells processes of one container what they really may have, at the
/// container's limits socket; what is said there is in job-iface/told_limits.c.
/// The socket tells which container it is, and the credentials that came with
/// the connection (SO_PEERCRED, unix(7)) which process, which must be in the
/// container's groups. Nothing can be changed there.
///
/// Whoever asks is hostile. Of connections there are a few dozen at most: the
/// oldest idle one makes room for the next, and of those that watch only so
/// many are told more than once. Each answer takes its turn of so many in a
/// second; who does not read is given up, unless he watches. Requests wait in
/// their sockets meanwhile, and connections in the queue of the listener. Who
/// sends descriptors has had his connection
/// (kernel-iface/untrusted_socket.hpp).
using limits_server_actor = caf::typed_actor<caf::reacts_to<tell_limits>>;

/// What others change, such as a group above, is seen by looking so often.
inline constexpr auto limits_look_pause = std::chrono::seconds{1};

struct limits_server_options {
  std::shared_ptr<const void> keep_alive; ///< what `watch` is part of
  std::string container;                  ///< for the log
  actors::shared_fd socket;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  kernel::cgroup_mounts mounts;
  actors::poller* watch = nullptr;
  /// Callers are hung up on whose descriptor is that one or beyond.
  int first_descriptor_beyond = 0;
  std::shared_ptr<spdlog::logger> log;
};

limits_server_actor spawn_limits_server(caf::actor_system& sys,
                                        limits_server_options how);

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::tell_limits)
