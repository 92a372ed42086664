// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/handoff_scheduler.hpp"

#include <caf/actor_system_config.hpp>

namespace reeve::tests {

/// Of an actor system that is scheduled as the daemon's is.
class system_config : public caf::actor_system_config {
public:
  system_config() {
    actors::use_handoff_scheduler(*this);
  }
};

} // namespace reeve::tests
