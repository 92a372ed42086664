// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Who looks after a container that is out of memory.

#include "supervisor/container_actor_state.hpp"

#include <caf/send.hpp>

#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
using config::oom_action;

// As the record has it, which is what is in force. Where the kernel kills there
// is nobody.
void container_actor_state::watch_memory() {
  auto policy =
      record_.spec.limits.on_oom.value().value_or(config::oom_policy{});
  if (policy.action == oom_action::kill || !controller_)
    return leave_memory();
  if (!oom_handler_) {
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<internal_container_actor>(self_));
    auto tell_it = [weak, number = ++oom_handlers_](oom_report report) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                       oom_news{number, std::move(report)});
    };
    oom_handler_ = spawn_oom_handler(
        self_->system(), {record_.spec.name, kit_->cgroup, controller_, oom_,
                          with_->control.get(), with_->log, tell_it});
    self_->monitor(oom_handler_);
  }
  self_->send(oom_handler_, handle_oom{policy});
}

// Who is to stop cannot while it waits for memory, and nobody is asked any
// more.
void container_actor_state::watch_memory_to_the_end() {
  if (!oom_handler_)
    return;
  auto policy = *record_.spec.limits.on_oom.value();
  if (policy.action == oom_action::freeze_and_ask)
    self_->send(oom_handler_, handle_oom{{policy.fallback}});
}

void container_actor_state::leave_memory() {
  if (!oom_handler_)
    return;
  self_->send_exit(oom_handler_, caf::exit_reason::user_shutdown);
  oom_handler_ = nullptr;
  ++oom_handlers_; // nothing that it says counts
  oom_answer_by_ = 0;
}

void container_actor_state::on(const oom_news& event) {
  if (event.handler != oom_handlers_)
    return;
  oom_answer_by_ = event.report.answer_by;
  if (event.report.happened.empty())
    return publish({});
  tell(event_kind::container_out_of_memory, {}, event.report.happened);
}

caf::result<oom_status> container_actor_state::oom(const get_oom& msg) {
  if (oom_handler_)
    return self_->delegate(oom_handler_, msg);
  oom_status out;
  out.container = record_.spec.name;
  out.policy = config::format_oom_policy(
      record_.spec.limits.on_oom.value().value_or(config::oom_policy{}));
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
