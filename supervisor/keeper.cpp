// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/keeper.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "supervisor/restart_policy.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/delegated.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/message_view.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <spdlog/logger.h>

#include <chrono>
#include <deque>
#include <utility>

namespace reeve::supervisor {

namespace {

struct respawn_due {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::respawn_due)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;

class keeper_state {
public:
  static constexpr const char* name = "keeper";

  using self_pointer = caf::event_based_actor*;

  keeper_state() : failures_(policy_for_defects()) {}
  keeper_state(const keeper_state&) = delete;
  keeper_state& operator=(const keeper_state&) = delete;

  ~keeper_state() {
    if (kept_)
      caf::anon_send_exit(kept_, caf::exit_reason::user_shutdown);
  }

  void init(self_pointer self, kept_actor what) {
    self_ = self;
    what_ = std::move(what);
    self->set_down_handler([this](const caf::down_msg& down) { on(down); });
    self->set_default_handler(
        [this](caf::scheduled_actor*,
               caf::message_view& in) -> caf::result<caf::message> {
          take(in.move_content_to_message());
          return caf::delegated<caf::message>{};
        });
    spawn();
  }

  void on(respawn_due) {
    if (!family_.expired()) {
      self_->delayed_send(self_, 5ms, respawn_due{});
      return;
    }
    spawn();
    if (!what_.after_failure)
      return let_in();
    what_.after_failure(self_, kept_, [this](const caf::error& err) {
      if (err)
        what_.with->log->error("the {}: {}", what_.name, actors::text_of(err));
      if (!actors::says_of_failure(err)) // else its end comes, too
        let_in();
    });
  }

private:
  struct letter {
    caf::strong_actor_ptr from;
    caf::message_id id;
    caf::message what;
  };

  void take(caf::message what) {
    auto& envelope = *self_->current_mailbox_element();
    letter in{envelope.sender, envelope.mid, std::move(what)};
    if (is_open_)
      pass_on(std::move(in));
    else
      waiting_.push_back(std::move(in));
  }

  // The answer goes to who asked, and not through us.
  void pass_on(letter in) {
    caf::actor_cast<caf::abstract_actor*>(kept_)->enqueue(
        std::move(in.from), in.id, std::move(in.what), self_->context());
  }

  void spawn() {
    auto lease = lease_of(what_.with);
    family_ = lease;
    auto front = caf::actor_cast<caf::weak_actor_ptr>(self_);
    kept_ = what_.spawn(self_->system(), lease, front);
    self_->monitor(kept_);
    failures_.on_started(std::chrono::steady_clock::now());
  }

  void let_in() {
    is_open_ = true;
    for (auto& next : std::exchange(waiting_, {}))
      pass_on(std::move(next));
  }

  void on(const caf::down_msg& down) {
    if (!kept_ || kept_.address() != down.source
        || !actors::is_failure(down.reason))
      return;
    is_open_ = false;
    auto delay = failures_.again(this_moment()).delay;
    what_.with->log->error("the {} failed and begins anew in {} ms: {}",
                           what_.name, delay.count(),
                           actors::text_of(down.reason));
    kept_ = nullptr;
    self_->delayed_send(self_, delay, respawn_due{});
  }

  self_pointer self_ = nullptr;
  kept_actor what_;
  caf::actor kept_;
  std::weak_ptr<services> family_;
  restart_tracker failures_;
  bool is_open_ = true;
  std::deque<letter> waiting_;
};

caf::behavior keeper_behavior(caf::stateful_actor<keeper_state>* self,
                              const kept_actor& what) {
  self->state.init(self, what);
  return {[self](respawn_due event) { self->state.on(event); }};
}

} // namespace

std::shared_ptr<services> lease_of(const std::shared_ptr<services>& with) {
  return {with.get(), [with](services*) {}};
}

caf::actor spawn_keeper(caf::actor_system& sys, kept_actor what) {
  return sys.spawn(keeper_behavior, std::move(what));
}

} // namespace reeve::supervisor
