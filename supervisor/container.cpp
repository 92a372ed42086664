// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"

#include <caf/send.hpp>
#include <spdlog/logger.h>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
using namespace std::chrono_literals;
namespace event_of = container_event;

namespace {

// A grace that nobody outlives; clocks can still count it.
constexpr milliseconds no_end = std::chrono::hours{24 * 365};

// What the death of PID 1 leads to: a rebuild under the limits of a permanent
// process, or the end.
config::restart_policy rebuild_policy(const config::container_spec& spec) {
  config::restart_policy out;
  out.max_restarts = spec.supervision.max_rebuilds;
  out.window = spec.supervision.window;
  out.type = spec.on_holder_death == config::holder_death::rebuild
                 ? config::restart_type::permanent
                 : config::restart_type::temporary;
  return out;
}

// Their pauses are the affair of each process.
std::optional<restart_tracker>
tracker_of_all(const config::supervision_policy& policy) {
  if (!policy.max_restarts)
    return std::nullopt;
  config::restart_policy out;
  out.max_restarts = *policy.max_restarts;
  out.window = policy.window;
  out.backoff_min = out.backoff_max = 0ms;
  return restart_tracker{out};
}

std::optional<event_kind> kind_of(container_phase phase) {
  switch (phase) {
  case container_phase::running:
    return event_kind::container_started;
  case container_phase::paused:
    return event_kind::container_paused;
  case container_phase::stopped:
    return event_kind::container_stopped;
  case container_phase::failed:
    return event_kind::container_failed;
  case container_phase::gave_up:
    return event_kind::container_gave_up;
  case container_phase::held:
    return event_kind::container_held;
  case container_phase::rebuilding:
    return event_kind::container_rebuilding;
  case container_phase::creating:
  case container_phase::pausing:
  case container_phase::stopping:
  case container_phase::destroying:
  case container_phase::destroyed:
    return std::nullopt;
  }
  return std::nullopt;
}

} // namespace

// The actors of a container end with it. What they stand for in the kernel
// stays: the next supervisor adopts it.
container_actor_state::~container_actor_state() {
  auto end = [](const auto& child) {
    if (child)
      caf::anon_send_exit(child, caf::exit_reason::user_shutdown);
  };
  for (auto& [id, item] : processes_)
    end(item.actor);
  end(layer_);
  end(oom_handler_);
  end(limits_server_);
  end(controller_);
  if (kit_)
    end(kit_->holder);
}

void container_actor_state::init(self_pointer self, container_options how) {
  self_ = self;
  how_ = std::move(how);
  with_ = how_.with.get();
  self->set_down_handler([this](const caf::down_msg& down) { on(down); });
  layer_ = actors::spawn_filesystem_layer(self->system(), with_->broker);
  self->monitor(layer_);
}

// Whatever it had under way, the kernel knows how far it came: all of us begin
// anew and adopt. What an actor forgets when it fails, such as descriptors of
// streams, only PID 1 can give out again, and it does so to a new connection.
void container_actor_state::on(const caf::down_msg& down) {
  if (actors::is_failure(down.reason))
    begin_anew(down.reason);
}

// Its answer may come before its end: nothing may follow from that.
void container_actor_state::begin_anew(const caf::error& why) {
  self_->quit(why);
}

caf::result<container_created>
container_actor_state::create(const create_container& msg) {
  auto promise = actors::owe<container_created>(self_);
  creators_.push_back(promise);
  if (record_.created_ms != 0) { // a repeat of the command
    settle_creators();
    return promise;
  }
  record_.spec = msg.spec;
  record_.command = msg.command;
  record_.created_ms = kernel::unix_ms();
  record_.durable = msg.durable;
  take_policies();
  share_rlimits();
  for (std::size_t i = 0; i < msg.spec.processes.size(); ++i)
    record_.serials.push_back(next_serial_++);
  record_.next_serial = next_serial_ + serials_at_once;
  creating_ = true;
  apply(event_of::create_requested{msg.spec.remove_on_exit});
  return promise;
}

caf::result<container_is>
container_actor_state::adopt(const adopt_container& msg) {
  record_ = msg.record;
  next_serial_ = record_.next_serial;
  take_policies();
  share_rlimits();
  add_declared();
  adopter_ = actors::owe<container_is>(self_);
  adopt_what_stands();
  return adopter_;
}

void container_actor_state::take_policies() {
  const auto& policy = record_.spec.supervision;
  auto rebuilds = record_.boot_id == with_->boot_id
                      ? parse_restart_snapshot(record_.rebuilds)
                      : restart_snapshot{};
  state_.rebuilds =
      restart_tracker{rebuild_policy(record_.spec), std::move(rebuilds)};
  state_.restarts = tracker_of_all(policy);
  state_.on_process_gave_up = policy.on_process_gave_up;
  state_.on_gave_up = policy.on_gave_up;
}

caf::result<container_is> container_actor_state::command(container_command what,
                                                         std::int64_t grace_ms,
                                                         container_phase goal,
                                                         whose by) {
  auto promise = actors::owe<container_is>(self_);
  auto grace = grace_ms >= 0
                   ? std::optional{std::min(milliseconds{grace_ms}, no_end)}
                   : std::nullopt;
  waiters_.push_back({promise, goal});
  auto refused = apply(event_of::command_given{what, grace});
  if (refused) {
    // The promise has taken the request over: a returned error is lost.
    waiters_.pop_back();
    promise.deliver(
        make_error(errc::wrong_state, explain(*refused, record_.spec.name)));
    return promise;
  }
  if (by == whose::user
      && (what == container_command::stop
          || what == container_command::start)) {
    if (std::exchange(record_.down_with_parent, false))
      save_soon();
    want(what == container_command::start ? wish::up : wish::down);
  }
  settle_waiters();
  return promise;
}

// The record says that it is to be up, and why it is not.
caf::result<container_is>
container_actor_state::stop(const stop_with_parent& msg) {
  if (state_.phase == container_phase::gave_up
      || state_.goal == container_phase::gave_up) { // that is another end
    auto promise = actors::owe<container_is>(self_);
    waiters_.push_back({promise, container_phase::gave_up});
    settle_waiters();
    return promise;
  }
  auto was_to_be_up = state_.goal == container_phase::running
                      || state_.goal == container_phase::paused;
  if (was_to_be_up && !creating_
      && !std::exchange(record_.down_with_parent, true))
    save_soon();
  return command(container_command::stop, msg.grace_ms,
                 container_phase::stopped, whose::parent);
}

void container_actor_state::on(parent_paused event) {
  is_paused_above_ = event.is_so;
  suspend_or_resume_starts();
}

void container_actor_state::on(work_deadline event) {
  // It waits for another container, which has deadlines of its own.
  if (awaits_parent_ && is_current(event.serial))
    work_until_ =
        clock::now() + deadline_of(*state_.doing, with_->config.deadlines);
  // Processes that are to come up wait for somebody's decision, not for us.
  auto coming_up = work{work::direction::make, layer::processes};
  if (oom_.holds_starts && state_.doing == coming_up
      && is_current(event.serial))
    work_until_ =
        clock::now() + deadline_of(coming_up, with_->config.deadlines);
  if (auto left = work_until_ - clock::now();
      left > 0ms && is_current(event.serial)) // a part of it was done
    return self_->delayed_send(self_, left, event);
  apply(event_of::deadline_passed{event.serial});
}

void container_actor_state::on(rebuild_timer event) {
  apply(event_of::timer_fired{event.serial});
}

void container_actor_state::on(holder_gone event) {
  if (event.generation != generation_ || adopting_)
    return;
  if (kit_) {
    // It may live, and only have been found lying.
    if (!kit_->holder_pidfd && kit_->holder_pid != 0)
      kit_->holder_pidfd = open_holder(*kit_);
    kit_->holder_pid = 0;
  }
  for (auto& [id, entry] : processes_)
    self_->send(entry.actor, lose_holder{});
  apply(event_of::holder_died{});
}

void container_actor_state::on(record_due) {
  if (save_due_)
    save();
}

std::optional<container_refusal>
container_actor_state::apply(const container_event::any& event) {
  auto next = step(std::move(state_), event, this_moment());
  state_ = std::move(next.next);
  if (next.refused)
    return next.refused;
  for (const auto& effect : next.effects)
    std::visit([this](const auto& e) { carry_out(e); }, effect);
  return std::nullopt;
}

void container_actor_state::carry_out(const container_effect::begin& effect) {
  await(effect.what, effect.serial);
  if (effect.what.way == work::direction::make)
    make(effect.what.what, effect.serial);
  else
    undo(effect.what.what, effect.serial);
}

void container_actor_state::carry_out(
    const container_effect::shorten_stop& effect) {
  await(*state_.doing, effect.serial);
  undo(state_.doing->what, effect.serial);
}

void container_actor_state::await(const work& doing, std::uint64_t serial) {
  if (doing == work{work::direction::undo, layer::nested})
    return; // each of them has its own
  auto deadline = deadline_of(doing, with_->config.deadlines);
  if (doing == work{work::direction::undo, layer::processes})
    deadline += time_to_stop();
  work_until_ = clock::now() + deadline;
  self_->delayed_send(self_, deadline, work_deadline{serial});
}

void container_actor_state::carry_out(
    const container_effect::arm_timer& effect) {
  self_->delayed_send(self_, effect.delay, rebuild_timer{effect.serial});
}

void container_actor_state::carry_out(
    const container_effect::report_phase& effect) {
  keep_up_with(effect.phase);
  stop_waiting_for_parent();
  if (effect.phase == container_phase::running
      && std::exchange(creating_, false)) {
    tell(event_kind::container_created, {}, {});
    begin_lease();
  }
  auto before = std::exchange(told_, effect.phase);
  if (auto kind = kind_of(effect.phase)) {
    if (*kind == event_kind::container_started
        && (before == container_phase::paused
            || before == container_phase::pausing))
      kind = event_kind::container_resumed;
    tell(*kind, {}, problems_text());
  } else {
    publish({});
  }
  // Last: whoever has the answer finds the same in listings.
  settle_creators();
  settle_waiters();
  settle_group_askers();
}

// What the phase means for the processes and for the record.
void container_actor_state::keep_up_with(container_phase phase) {
  switch (phase) {
  case container_phase::creating:
    unrecorded_ = false; // after a destroy that had failed
    return;
  case container_phase::pausing:
  case container_phase::paused:
    is_pausing_ = true;
    return suspend_or_resume_starts();
  case container_phase::running:
  case container_phase::stopped:
  case container_phase::rebuilding:
  case container_phase::failed:
  case container_phase::gave_up:
    if (phase == container_phase::gave_up)
      want(wish::gave_up);
    is_pausing_ = false;
    pause_ = {};
    if (phase == container_phase::rebuilding)
      leave_to_the_end();
    return suspend_or_resume_starts();
  case container_phase::destroying:
    leave_to_the_end();
    return drop_record();
  case container_phase::stopping:
    leave_to_the_end();
    if (state_.goal == container_phase::gave_up) // also if we end on the way
      want(wish::gave_up);
    return; // no start now that would be stopped at once
  case container_phase::held:
  case container_phase::destroyed:
    return;
  }
}

// On its way down nobody stops its processes any more.
void container_actor_state::leave_to_the_end() {
  pause_ = {};
  dirty_keeper_.reset();
  watch_memory_to_the_end();
}

void container_actor_state::suspend_or_resume_starts() {
  auto wanted = is_pausing_ || is_paused_above_ || oom_.holds_starts;
  if (!wanted
      && (state_.phase == container_phase::stopping
          || state_.phase == container_phase::destroying))
    return; // nothing that would be stopped at once
  if (std::exchange(starts_suspended_, wanted) == wanted)
    return;
  for (auto& [id, item] : processes_)
    if (wanted)
      self_->send(item.actor, suspend_starts{});
    else
      self_->send(item.actor, resume_starts{});
}

void container_actor_state::carry_out(
    const container_effect::warn_of_restarts&) {
  tell(event_kind::container_gave_up, {},
       "too many restarts of all processes together; it goes on");
}

void container_actor_state::carry_out(const container_effect::free_name&) {
  container_change change{how_.key, info(), {}};
  change.name_free = true;
  how_.on_change(std::move(change));
}

// Its files go when they go: nothing of it can be seen any more. The warden
// hears of it first, so that whoever has the answer finds the name free; what
// it has sent on until then is still answered.
void container_actor_state::carry_out(const container_effect::forget&) {
  if (!record_.id.empty())
    sweep(self_, *with_, how_.sweeper, {record_.id, record_.uid_base});
  gone_ = true;
  for (auto& [id, item] : processes_)
    self_->send_exit(item.actor, caf::exit_reason::user_shutdown);
  processes_.clear();
  container_change change{how_.key, info(), {}};
  change.happened.push_back({0,
                             kernel::unix_ms(),
                             event_kind::container_destroyed,
                             record_.spec.name,
                             {},
                             {}});
  change.gone = true;
  how_.on_change(std::move(change));
  settle_creators();
  settle_waiters();
}

void container_actor_state::on(container_forgotten) {
  self_->quit();
}

// An answer may come after its deadline: then other work is under way.
bool container_actor_state::is_current(std::uint64_t serial) const {
  return state_.doing && state_.serial == serial;
}

void container_actor_state::finished(std::uint64_t serial) {
  apply(event_of::work_finished{serial});
}

void container_actor_state::failed(std::uint64_t serial,
                                   const caf::error& err) {
  if (actors::says_of_failure(err))
    return begin_anew(err);
  if (is_current(serial) && !first_failure_)
    first_failure_ = err;
  apply(event_of::work_failed{serial, actors::text_of(err),
                              actors::code_of(err) == errc::timed_out});
}

std::optional<caf::error>
container_actor_state::check_command(container_command what) const {
  if (what == container_command::run_process && oom_.holds_starts)
    return make_error(
        errc::wrong_state,
        "container '" + record_.spec.name
            + "' is out of memory: nothing is started in it until "
            + (oom_.answer_by != 0
                   ? "`reeve oom " + record_.spec.name + " DECISION`"
                   : "that is over"));
  if (what == container_command::run_process && is_paused_above_)
    return make_error(errc::wrong_state,
                      "a container that '" + record_.spec.name
                          + "' is in is paused: resume it first");
  if (allows(state_.phase, what))
    return std::nullopt;
  return make_error(errc::wrong_state,
                    explain({what, state_.phase}, record_.spec.name));
}

void container_actor_state::want(wish what) {
  auto up = what == wish::up;
  auto gave_up = what == wish::gave_up;
  if (record_.wanted_up == up && record_.gave_up == gave_up)
    return;
  record_.wanted_up = up;
  record_.gave_up = gave_up;
  save();
}

// For what is done and cannot be refused any more: a disk that does not take it
// is asked again until it does.
// Nobody is held up for that long.
void container_actor_state::save() {
  auto ok = try_save();
  for (auto& then : std::exchange(after_save_, {}))
    then();
  if (ok)
    return;
  if (!std::exchange(save_failed_, true))
    with_->log->error("container '{}': its record is not up to date, which is "
                      "tried again every second: {}",
                      record_.spec.name, to_string(ok.error()));
  save_due_ = true;
  self_->delayed_send(self_, 1s, record_due{});
}

// A stop of the whole ends many at a time: one line for all of them.
void container_actor_state::save_soon() {
  if (!creating_ && !std::exchange(save_due_, true))
    self_->send(self_, record_due{});
}

// What a client hears is so for the next daemon, too.
void container_actor_state::when_saved(std::function<void()> then) {
  if (!save_due_)
    return then();
  after_save_.push_back(std::move(then));
}

kernel::result<void> container_actor_state::try_save() {
  if (record_.id.empty() || unrecorded_)
    return {};
  if (auto ok = with_->store->save(record_); !ok)
    return ok;
  save_due_ = false;
  if (std::exchange(save_failed_, false))
    with_->log->info("container '{}': its record is up to date again",
                     record_.spec.name);
  for (auto process : std::exchange(to_acknowledge_, {}))
    acknowledge(process);
  for (auto& then : std::exchange(after_save_, {}))
    then();
  return {};
}

// Goes first: if the daemon dies before the end of it, the next one finds what
// no record owns, and sweeps it.
void container_actor_state::drop_record() {
  unrecorded_ = true;
  if (record_.id.empty())
    return;
  if (auto ok = with_->store->drop_record(record_.id); !ok)
    with_->log->error("{}", to_string(ok.error()));
}

namespace {

internal_container_actor::behavior_type container_behavior(
    internal_container_actor::stateful_pointer<container_actor_state> self,
    const container_options& how) {
  using phase = container_phase;
  using cmd = container_command;
  self->state.init(self, how);
  auto s = actors::handlers_for(self);
  return {
      [s](const create_container& msg) { return s->create(msg); },
      [s](const adopt_container& msg) { return s->adopt(msg); },
      [s](const destroy_container& msg) {
        return s->command(msg.force ? cmd::destroy_forced : cmd::destroy,
                          msg.grace_ms, phase::destroyed);
      },
      [s](const start_container&) {
        return s->command(cmd::start, -1, phase::running);
      },
      [s](const stop_container& msg) {
        return s->command(cmd::stop, msg.grace_ms, phase::stopped);
      },
      [s](const pause_container& msg) { return s->pause(msg); },
      [s](const resume_container& msg) { return s->resume(msg); },
      [s](const hold_container& msg) { return s->hold(msg); },
      [s](const release_container& msg) { return s->release(msg); },
      [s](const run_process& msg) { return s->run(msg, {}); },
      [s](const run_process_with_stdio& msg) {
        return s->run(msg.run, msg.stdio);
      },
      [s](const start_process& msg) { return s->start(msg); },
      [s](const stop_process& msg) { return s->stop(msg); },
      [s](const remove_process& msg) { return s->remove(msg); },
      [s](const signal_process& msg) {
        return s->forward<process_is>(msg.process, msg);
      },
      [s](const resize_terminal& msg) {
        return s->forward<process_is>(msg.process, msg);
      },
      [s](const write_input& msg) {
        return s->forward<process_is>(msg.process, msg);
      },
      [s](const read_output& msg) { return s->read(msg); },
      [s](const wait_process& msg) {
        return s->forward<process_is>(msg.process, msg);
      },
      [s](const resolve_holder& msg) { return s->resolve(msg); },
      [s](const resolve_group& msg) { return s->resolve(msg); },
      [s](const stop_with_parent& msg) { return s->stop(msg); },
      [s](parent_paused event) { s->on(event); },
      [s](const set_limits& msg) { return s->set(msg); },
      [s](const get_limits& msg) { return s->get(msg); },
      [s](const get_effective_limits& msg) { return s->get(msg); },
      [s](const reclaim_memory& msg) { return s->reclaim(msg); },
      [s](const get_oom& msg) { return s->oom(msg); },
      [s](const decide_oom& msg) { return s->decide(msg); },
      [s](const get_stats& msg) { return s->stats(msg); },
      [s](const get_container&) { return s->details(); },
      [s](container_forgotten event) { s->on(event); },
      [s](work_deadline event) { s->on(event); },
      [s](rebuild_timer event) { s->on(event); },
      [s](holder_gone event) { s->on(event); },
      [s](const end_process& event) { s->on(event); },
      [s](const late_start& event) { s->on(event); },
      [s](process_changed& event) { s->on(event); },
      [s](ready_process event) { s->on(event); },
      [s](record_due event) { s->on(event); },
      [s](adoption_due event) { s->on(event); },
      [s](lease_due event) { s->on(event); },
      [s](rlimits_due event) { s->on(event); },
      [s](limits_due event) { s->on(event); },
      [s](pause_due event) { s->on(event); },
      [s](stats_due event) { s->on(event); },
      [s](const oom_news& event) { s->on(event); },
  };
}

} // namespace

container_actor spawn_container(caf::actor_system& sys, container_options how) {
  return caf::actor_cast<container_actor>(
      sys.spawn(container_behavior, std::move(how)));
}

} // namespace reeve::supervisor
