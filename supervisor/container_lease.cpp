// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What lasts as long as somebody holds it: a weak container, and the pause of
// any.

#include "supervisor/container_actor_state.hpp"

#include <spdlog/logger.h>

#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
namespace event_of = container_event;

// When it is made, or taken over: before that nobody can hold it, and a destroy
// would not know what there is.
void container_actor_state::begin_lease() {
  if (!record_.spec.weak || std::exchange(lease_begun_, true))
    return;
  lease_.begin(clock::now());
  look_at_lease(lease_.next() - clock::now());
}

// One timer at a time.
void container_actor_state::look_at_lease(clock::duration after) {
  self_->delayed_send(self_, after, lease_due{++lease_timer_});
}

std::optional<caf::error> container_actor_state::check_lease() const {
  if (record_.spec.weak)
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
  lease_.hold(msg.holder, clock::now());
  return is_now();
}

caf::result<container_is>
container_actor_state::release(const release_container& msg) {
  if (auto refused = check_lease())
    return std::move(*refused);
  lease_.release(msg.holder);
  if (lease_begun_ && lease_.is_over(clock::now()))
    look_at_lease({});
  return is_now();
}

// A destroy that is refused or fails is tried again: nobody else would.
void container_actor_state::on(lease_due event) {
  if (gone_ || event.number != lease_timer_)
    return;
  if (!lease_.is_over(clock::now()))
    return look_at_lease(lease_.next() - clock::now());
  if (!unrecorded_) {
    with_->log->info("container '{}' is weak, and nobody holds it any more",
                     record_.spec.name);
    apply(event_of::command_given{container_command::destroy_forced,
                                  std::nullopt});
  }
  look_at_lease(lease::term);
}

// -- a pause ------------------------------------------------------------------

caf::result<container_is>
container_actor_state::pause(const pause_container& msg) {
  if (msg.renews) {
    if (!pause_.held.is_held_by(msg.holder, clock::now()))
      return make_error(errc::wrong_state,
                        "container '" + record_.spec.name
                            + "' goes on: the pause was ended");
    pause_.held.hold(msg.holder, clock::now());
    return is_now();
  }
  auto out = command(container_command::pause, -1, container_phase::paused);
  if (!is_pausing_)
    return out; // refused
  if (msg.holder == 0)
    pause_.is_for_good = true;
  else
    pause_.held.hold(msg.holder, clock::now());
  if (msg.holder != 0 && pause_.timer == 0)
    look_at_pause();
  return out;
}

caf::result<container_is>
container_actor_state::resume(const resume_container& msg) {
  pause_.held.release(msg.holder);
  if (msg.holder != 0
      && (pause_.is_for_good || !pause_.held.is_over(clock::now())))
    return is_now();
  return command(container_command::resume, -1, container_phase::running);
}

void container_actor_state::look_at_pause() {
  pause_.timer = ++pause_timers_;
  self_->delayed_send(self_, pause_.held.next() - clock::now(),
                      pause_due{pause_.timer});
}

void container_actor_state::on(pause_due event) {
  if (event.number != pause_.timer || pause_.is_for_good)
    return;
  if (!pause_.held.is_over(clock::now()))
    return look_at_pause();
  with_->log->info("container '{}' was paused, and nobody holds it so any more",
                   record_.spec.name);
  apply(event_of::command_given{container_command::resume, std::nullopt});
}

} // namespace reeve::supervisor
