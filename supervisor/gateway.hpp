// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <caf/actor_system.hpp>

namespace reeve::supervisor {

/// What is published at the daemon's socket: passes every request on to the
/// warden and answers itself. Inside the process a request is delegated to the
/// actor that it concerns, which then answers; outside, such an answer would
/// make that actor known to the client and keep it in the actor registry.
[[nodiscard]] api_actor spawn_gateway(caf::actor_system& sys,
                                      const local_api_actor& to);

} // namespace reeve::supervisor
