// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cgroup_controller.hpp"
#include "actors/failure.hpp"

#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/timespan.hpp>

#include <functional>
#include <utility>

namespace reeve::actors {

/// Kills whoever is in the groups and removes them, by a controller of its own,
/// in the background. `done` is called in `self` with the error of the last
/// attempt, or none. A controller that fails is not the end of it.
template <class Self>
void remove_group(Self* self, const cgroup_options& how,
                  const kill_cgroup& kill_first,
                  std::function<void(const caf::error&)> done,
                  unsigned attempts = 3) {
  auto controller = spawn_cgroup_controller(self->system(), how);
  auto over = [self, controller, how, kill_first, done = std::move(done),
               attempts](const caf::error& err) {
    self->send_exit(controller, caf::exit_reason::user_shutdown);
    if (says_of_failure(err) && attempts > 1)
      remove_group(self, how, kill_first, done, attempts - 1);
    else
      done(err);
  };
  auto remove = [self, controller, over] {
    self->request(controller, caf::infinite, remove_cgroup{})
        .then([over](cgroup_done) { over({}); },
              [over](const caf::error& err) { over(err); });
  };
  self->request(controller, caf::infinite, kill_first)
      .then([remove](cgroup_done) { remove(); },
            [remove](const caf::error&) { remove(); });
}

} // namespace reeve::actors
