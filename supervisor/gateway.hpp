// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"
#include "supervisor/upgrade.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace reeve::supervisor {

/// What is published at the daemon's socket: passes every request on to the
/// warden and answers itself. Inside the process a request is delegated to the
/// actor that it concerns, which then answers; outside, such an answer would
/// make that actor known to the client and keep it in the actor registry.
///
/// An upgrade of the daemon is checked and asked for at `desk`.
[[nodiscard]] api_actor spawn_gateway(caf::actor_system& sys,
                                      const local_api_actor& to,
                                      std::shared_ptr<upgrade_desk> desk);

} // namespace reeve::supervisor
