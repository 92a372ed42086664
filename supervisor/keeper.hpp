// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/services.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>

#include <functional>
#include <memory>
#include <string>

namespace reeve::supervisor {

/// A pointer of its own to the same: its end tells that all who had it are
/// gone.
[[nodiscard]] std::shared_ptr<services>
lease_of(const std::shared_ptr<services>& with);

/// An actor that has to be there as long as its runtime is.
struct kept_actor {
  std::string name; ///< for the log
  std::shared_ptr<services> with;
  /// Makes one. It and all that it spawns hold `lease` while they live. `front`
  /// is the keeper, for what is sent by who may outlive the one that is made.
  std::function<caf::actor(caf::actor_system&,
                           const std::shared_ptr<services>& lease,
                           const caf::weak_actor_ptr& front)>
      spawn;
  /// What the next one has to do first when one has failed; may be empty. Runs
  /// in the keeper; others are let in after `done`.
  std::function<void(caf::event_based_actor* self, const caf::actor& next,
                     std::function<void(const caf::error&)> done)>
      after_failure;
};

/// Stands in front of such an actor and passes everything on to it. When it
/// fails, another one takes its place as soon as the last of its family has
/// gone: at once, then with a growing pause, up to a second. Who waits for an
/// answer of the one that failed gets an error; what comes meanwhile waits.
///
/// So the handle is good for ever. The end of the keeper is that of the kept.
/// It has no work of its own that could fail: nobody watches it.
[[nodiscard]] caf::actor spawn_keeper(caf::actor_system& sys, kept_actor what);

/// The same, for who knows the interface.
template <class Handle>
[[nodiscard]] Handle keep(caf::actor_system& sys, kept_actor what) {
  return caf::actor_cast<Handle>(spawn_keeper(sys, std::move(what)));
}

} // namespace reeve::supervisor
