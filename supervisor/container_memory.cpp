// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What is done about the memory of a container, and who looks after one that is
// out of it.

#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_reclaim.hpp"
#include "supervisor/container_actor_state.hpp"

#include <caf/send.hpp>
#include <spdlog/logger.h>

#include <cerrno>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
using config::oom_action;

caf::result<memory_reclaimed>
container_actor_state::reclaim(const reclaim_memory& msg) {
  if (!controller_)
    return without_cgroup();
  auto promise = actors::owe<memory_reclaimed>(self_);
  auto bytes = msg.bytes != 0 ? msg.bytes : kernel::no_limit;
  self_->request(controller_, caf::infinite, actors::reclaim_from_cgroup{bytes})
      .then(
          [promise, name = record_.spec.name](
              const kernel::reclaimed_memory& done) mutable {
            promise.deliver(
                memory_reclaimed{name, done.before.memory, done.after.memory,
                                 done.before.swap, done.after.swap});
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
          });
  return promise;
}

// An earlier daemon may have been killed amid what only a living one ends.
void container_actor_state::end_what_was_left() {
  const auto& limits = record_.spec.limits;
  const auto& group = *kit_->cgroup;
  kernel::result<void> done;
  if (policy().action != oom_action::kill) {
    auto pause = kernel::get_oom_pause(group);
    if (!pause || *pause == kernel::oom_pause::off)
      done = kernel::set_oom_pause(group, kernel::oom_pause::on);
  } else {
    auto limit = limits.memory_bytes.value().value_or(kernel::no_limit);
    done = kernel::end_reclaim(group, limit);
    if (done && group.mode() == kernel::cgroup_mode::v2)
      done = kernel::continue_user_processes(group);
  }
  if (!done && done.error().code != ENODEV)
    with_->log->error("container '{}': {}", record_.spec.name,
                      to_string(done.error()));
}

// As the record has it, which is what is in force.
config::oom_policy container_actor_state::policy() const {
  return record_.spec.limits.on_oom.value().value_or(config::oom_policy{});
}

// Not on its way down: it ends the sooner.
void container_actor_state::watch_dirty_pages() {
  auto limit = record_.spec.limits.dirty_bytes.value();
  if (!limit || !controller_ || is_going_down())
    return dirty_keeper_.reset();
  if (dirty_keeper_)
    return dirty_keeper_->limit_to(*limit);
  auto keeper = dirty_keeper::start(
      {how_.with, record_.spec.name, kit_->cgroup, freezer_,
       with_->store->layer_of(record_.id) + "/u", with_->log},
      *limit);
  if (keeper)
    dirty_keeper_ = std::move(*keeper);
  else
    with_->log->error("container '{}': {}", record_.spec.name,
                      to_string(keeper.error()));
}

bool container_actor_state::is_going_down() const {
  return state_.heading == work::direction::undo && state_.doing;
}

// Where the kernel kills there is nobody.
void container_actor_state::watch_memory() {
  auto now = policy();
  if (now.action == oom_action::kill || !controller_)
    return leave_memory();
  if (is_going_down())
    return; // who looks after it, if anybody, knows
  if (!oom_handler_) {
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<internal_container_actor>(self_));
    auto tell_it = [weak, number = ++oom_handlers_](oom_report report) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                       oom_news{number, std::move(report)});
    };
    oom_handler_ = spawn_oom_handler(
        self_->system(),
        {how_.with, record_.spec.name, kit_->cgroup, controller_, oom_witness_,
         with_->control.get(), with_->log, tell_it});
    self_->monitor(oom_handler_);
  }
  self_->send(oom_handler_, handle_oom{now});
}

// Who is to stop cannot while it waits for memory, and nobody is asked any
// more.
void container_actor_state::watch_memory_to_the_end() {
  if (!oom_handler_)
    return;
  auto now = policy();
  if (now.action == oom_action::freeze_and_ask)
    self_->send(oom_handler_, handle_oom{{now.fallback}});
}

void container_actor_state::leave_memory() {
  if (!oom_handler_)
    return;
  self_->send_exit(oom_handler_, caf::exit_reason::user_shutdown);
  oom_handler_ = nullptr;
  ++oom_handlers_; // nothing that it says counts
  note_memory({});
}

void container_actor_state::note_memory(const oom_report& now) {
  auto changes =
      now.answer_by != oom_.answer_by || now.holds_starts != oom_.holds_starts;
  oom_ = now;
  if (changes) {
    suspend_or_resume_starts();
    publish({});
  }
}

void container_actor_state::on(const oom_news& event) {
  if (event.handler != oom_handlers_)
    return;
  note_memory(event.report);
  if (!event.report.happened.empty())
    tell(event_kind::container_out_of_memory, {}, event.report.happened);
}

caf::result<oom_status> container_actor_state::oom(const get_oom& msg) {
  if (oom_handler_)
    return self_->delegate(oom_handler_, msg);
  oom_status out;
  out.container = record_.spec.name;
  out.policy = config::format_oom_policy(policy());
  return out;
}

caf::result<oom_status> container_actor_state::decide(const decide_oom& msg) {
  if (oom_handler_)
    return self_->delegate(oom_handler_, msg);
  return make_error(
      errc::wrong_state,
      "container '" + record_.spec.name + "' asks for no decision: "
          + (controller_ ? "its oom.policy is kill, the kernel's own"
                         : "it has no cgroup now"));
}

} // namespace reeve::supervisor
