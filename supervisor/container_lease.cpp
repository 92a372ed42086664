// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A weak container, which goes when nobody holds it.

#include "supervisor/container_actor_state.hpp"

#include <spdlog/logger.h>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
namespace event_of = container_event;

void container_actor_state::begin_lease() {
  if (!record_.spec.weak)
    return;
  lease_.emplace(clock::now());
  watch_lease();
}

void container_actor_state::watch_lease() {
  self_->delayed_send(self_, lease_->next() - clock::now(), lease_due{});
}

std::optional<caf::error> container_actor_state::check_lease() const {
  if (lease_)
    return std::nullopt;
  return make_error(errc::wrong_state,
                    "container '" + record_.spec.name
                        + "' needs nobody to hold it: it is not `weak`");
}

caf::result<container_is>
container_actor_state::hold(const hold_container& msg) {
  if (auto refused = check_lease())
    return std::move(*refused);
  if (msg.holder == 0)
    return make_error(errc::invalid_argument, "0 is no number for a holder");
  lease_->hold(msg.holder, clock::now());
  return is_now();
}

caf::result<container_is>
container_actor_state::release(const release_container& msg) {
  if (auto refused = check_lease())
    return std::move(*refused);
  lease_->release(msg.holder);
  if (lease_->is_over(clock::now()))
    self_->send(self_, lease_due{});
  return is_now();
}

// A destroy that is refused or fails is tried again: nobody else would.
void container_actor_state::on(lease_due) {
  if (gone_)
    return;
  if (!lease_->is_over(clock::now()))
    return watch_lease();
  if (!unrecorded_) {
    with_->log->info("container '{}' is weak, and nobody holds it any more",
                     record_.spec.name);
    apply(event_of::command_given{container_command::destroy_forced,
                                  std::nullopt});
  }
  self_->delayed_send(self_, lease::term, lease_due{});
}

} // namespace reeve::supervisor
