// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a container tells: answers to those who wait, limits, listings, events.

#include "config/validate.hpp"
#include "kernel-iface/process_stats.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/container_actor_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;

// Of the policy the kernel knows only whether it is not its own.
limits_in_force
container_actor_state::in_force(const actors::limit_readings& now) const {
  limits_in_force out;
  for (const auto& item : now.limits)
    out.limits.push_back({item.key, item.value, now.source});
  if (auto policy = record_.spec.limits.on_oom.value())
    for (auto& item : out.limits)
      if (item.key == "oom.policy")
        item.value = config::format_oom_policy(*policy);
  out.killed.assign(now.killed.begin(), now.killed.end());
  return out;
}

// Only while PID 1 is known to live: a pid outlives its process on paper.
caf::result<holder_resolved>
container_actor_state::resolve(const resolve_holder&) const {
  auto is_up = state_.phase == container_phase::running
               || state_.phase == container_phase::paused;
  if (!is_up || !kit_ || kit_->holder_pid == 0)
    return make_error(errc::wrong_state,
                      "container '" + record_.spec.name + "' is "
                          + std::string{name_of(state_.phase)}
                          + ": its namespaces cannot be shared");
  return holder_resolved{kit_->holder_pid, kit_->holder_start_time};
}

// One after the other: what is set follows from what the record has.
caf::result<limits_in_force> container_actor_state::set(const set_limits& msg) {
  auto promise = actors::owe<limits_in_force>(self_);
  sets_.push_back({msg, promise});
  if (sets_.size() == 1)
    begin_set();
  return promise;
}

template <class Answer>
void container_actor_state::end_set(Answer answer) {
  sets_.front().promise.deliver(std::move(answer));
  sets_.pop_front();
  if (!sets_.empty())
    begin_set();
}

void container_actor_state::begin_set() {
  const auto& asked = sets_.front().asked;
  actors::limit_change change;
  if (auto why = make_change(asked, change))
    return end_set(std::move(why));
  auto wanted = change.limits;
  if (!controller_) { // at rest: they hold from the next start
    if (auto ok = keep_limits(asked.values, wanted); !ok)
      return end_set(make_error(ok.error()));
    return end_set(limits_in_force{});
  }
  // The kernel forgets the weight of a group while it is idle.
  if (wanted.cpu_idle.value() == false && wanted.cpu_weight.is_absent())
    change.limits.cpu_weight = record_.spec.limits.cpu_weight;
  // It is made from the limit, and the kernel forgets it without one.
  if (!wanted.memory_bytes.is_absent() && wanted.on_oom.is_absent())
    change.limits.on_oom = record_.spec.limits.on_oom;
  self_->request(controller_, caf::infinite, actors::apply_limits{change})
      .then(
          [this, wanted,
           values = asked.values](const actors::limit_readings& now) {
            if (auto ok = keep_limits(values, wanted, now.killed); !ok)
              return take_limits_back(now.before, make_error(ok.error()));
            watch_memory();
            end_set(in_force(now));
          },
          [this](caf::error& err) { end_set(std::move(err)); });
}

caf::error container_actor_state::make_change(const set_limits& asked,
                                              actors::limit_change& out) const {
  if (auto refused = check_command(container_command::set_limit))
    return std::move(*refused);
  auto& wanted = out.limits;
  std::string forgotten;
  for (const auto& [key, value] : asked.values) {
    auto ok = value.empty() ? config::clear_key(wanted, key)
                            : config::set_key(wanted, key, value);
    if (!ok)
      return make_error(errc::invalid_argument, to_string(ok.error()));
    if (value.empty())
      forgotten = key;
  }
  if (!forgotten.empty() && controller_)
    return make_error(errc::wrong_state,
                      forgotten + " has no value, and container '"
                          + record_.spec.name
                          + "' has a cgroup now: only one that is stopped can "
                            "forget a limit");
  if (asked.force && state_.phase == container_phase::paused)
    return make_error(
        errc::wrong_state,
        "container '" + record_.spec.name
            + "' is paused: its processes do not end before it is "
              "resumed");
  auto good = config::check_ranges(wanted);
  if (good && !controller_)
    good = config::check_as_whole(limits_after(asked.values, wanted));
  if (!good)
    return make_error(errc::invalid_argument, to_string(good.error()));
  out.tells_before = true;
  out.kills = asked.force;
  return {};
}

caf::error container_actor_state::without_cgroup() const {
  return make_error(errc::wrong_state,
                    "container '" + record_.spec.name
                        + "' has no cgroup now: start it first");
}

caf::result<limits_in_force> container_actor_state::get(const get_limits& msg) {
  for (const auto& key : msg.keys) {
    config::limits probe;
    if (auto ok = config::clear_key(probe, key); !ok)
      return make_error(errc::invalid_argument, to_string(ok.error()));
  }
  if (!controller_)
    return without_cgroup();
  auto promise = actors::owe<limits_in_force>(self_);
  self_->request(controller_, caf::infinite, actors::read_limits{msg.keys})
      .then(
          [this, promise](const actors::limit_readings& now) mutable {
            promise.deliver(in_force(now));
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
          });
  return promise;
}

caf::result<container_stats>
container_actor_state::stats(const get_stats& msg) {
  if (!controller_)
    return without_cgroup();
  auto promise = actors::owe<container_stats>(self_);
  self_->request(controller_, caf::infinite, actors::read_stats{})
      .then(
          [this, promise, with_processes = msg.with_processes](
              actors::stats_reading& now) mutable {
            container_stats out;
            out.container = record_.spec.name;
            out.id = record_.id;
            out.time_ms = kernel::unix_ms();
            out.stats = std::move(now.stats);
            if (with_processes)
              out.processes = stats_of_processes();
            promise.deliver(std::move(out));
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
          });
  return promise;
}

// A pid that is another's by now has another parent than PID 1.
std::vector<process_stats> container_actor_state::stats_of_processes() const {
  std::vector<process_stats> out;
  for (const auto& [id, entry] : processes_) {
    if (entry.info.pid == 0 || !kit_)
      continue;
    auto now = kernel::read_process_stats(entry.info.pid);
    if (now && now->parent == kit_->holder_pid)
      out.push_back({id, entry.info.pid, *now});
  }
  return out;
}

caf::result<container_details> container_actor_state::details() {
  container_details out;
  out.info = info();
  out.spec = record_.spec;
  for (const auto& [id, entry] : processes_)
    out.processes.push_back(entry.info);
  if (!controller_)
    return out;
  out.cgroup = record_.id;
  auto promise = actors::owe<container_details>(self_);
  self_->request(controller_, caf::infinite, actors::read_limits{})
      .then(
          [this, promise, out](const actors::limit_readings& now) mutable {
            out.limits = in_force(now).limits;
            promise.deliver(std::move(out));
          },
          [promise, out](const caf::error&) mutable {
            promise.deliver(std::move(out)); // being torn down: no limits
          });
  return promise;
}

// `values` are the text of `change`; an empty one is to be forgotten.
config::limits
container_actor_state::limits_after(const limit_list& values,
                                    const config::limits& change) const {
  auto out = config::merged(record_.spec.limits, change);
  for (const auto& [key, value] : values)
    if (value.empty())
      static_cast<void>(config::clear_key(out, key)); // it is a known one
  return out;
}

kernel::result<void>
container_actor_state::keep_limits(const limit_list& values,
                                   const config::limits& change,
                                   const std::vector<pid_t>& killed) {
  auto before = record_.spec.limits;
  record_.spec.limits = limits_after(values, change);
  if (auto ok = try_save(); !ok) {
    record_.spec.limits = before;
    return ok;
  }
  std::string text;
  for (const auto& [key, value] : values)
    text.append(text.empty() ? "" : " ").append(key).append("=").append(value);
  for (auto pid : killed)
    text.append(" killed=").append(std::to_string(pid));
  tell(event_kind::limits_changed, {}, text);
  return {};
}

// In force, but they would not be for the next daemon.
void container_actor_state::take_limits_back(const config::limits& before,
                                             const caf::error& why) {
  if (!controller_) // they went with the group
    return end_set(why);
  self_
      ->request(controller_, caf::infinite,
                actors::apply_limits{{before, false, false, true}})
      .then([this, why](const actors::limit_readings&) { end_set(why); },
            [this, why](const caf::error&) { end_set(why); });
}

void container_actor_state::settle_creators() {
  if (creators_.empty())
    return;
  auto made = !creating_ && record_.created_ms != 0 && !gone_;
  if (made) {
    for (auto& promise : std::exchange(creators_, {}))
      promise.deliver(container_created{record_.spec.name, record_.id});
    return;
  }
  // A failed create is answered when nothing of it is left, or when something
  // is that does not go.
  if (gone_ || state_.phase == container_phase::failed
      || state_.phase == container_phase::gave_up
      || state_.phase == container_phase::held) {
    auto err = first_failure_;
    if (!err && !state_.errors.empty())
      err = make_error(errc::timed_out, problems_text());
    if (!err)
      err = make_error(errc::wrong_state, "it was stopped meanwhile");
    for (auto& promise : std::exchange(creators_, {}))
      promise.deliver(err);
  }
}

void container_actor_state::settle_waiters() {
  std::vector<waiter> left;
  for (auto& item : std::exchange(waiters_, {})) {
    if (reached(item.goal))
      item.promise.deliver(is_now());
    else if (impossible(item.goal))
      item.promise.deliver(make_error(
          errc::wrong_state, "container '" + record_.spec.name + "' is "
                                 + std::string{name_of(state_.phase)}
                                 + (state_.errors.empty() ? "" : ": ")
                                 + problems_text()));
    else
      left.push_back(std::move(item));
  }
  waiters_.insert(waiters_.begin(), std::make_move_iterator(left.begin()),
                  std::make_move_iterator(left.end()));
}

bool container_actor_state::reached(container_phase goal) const {
  if (gone_) // which is the end of a stop with `remove_on_exit`, too
    return goal == container_phase::destroyed
           || goal == container_phase::stopped;
  return goal != container_phase::destroyed && state_.phase == goal
         && !state_.doing;
}

// It has come to rest, but not there.
bool container_actor_state::impossible(container_phase goal) const {
  switch (state_.phase) {
  case container_phase::creating:
  case container_phase::pausing:
  case container_phase::stopping:
  case container_phase::rebuilding:
  case container_phase::destroying:
    return false;
  case container_phase::running:
  case container_phase::paused:
    return !state_.doing && state_.goal == state_.phase;
  case container_phase::stopped:
  case container_phase::gave_up:
    return goal != container_phase::destroyed && !gone_
           && state_.goal == state_.phase;
  case container_phase::failed:
  case container_phase::held:
    return true;
  case container_phase::destroyed: // and soon gone
    return goal != container_phase::destroyed
           && goal != container_phase::stopped;
  }
  return false;
}

container_is container_actor_state::is_now() const {
  return {record_.spec.name, state_.phase, problems()};
}

std::vector<std::string> container_actor_state::problems() const {
  std::vector<std::string> out;
  for (const auto& err : state_.errors)
    out.push_back(std::string{name_of(err.doing.what)} + ": " + err.text);
  if (oom_.answer_by != 0)
    out.push_back("out of memory: waits for `reeve oom " + record_.spec.name
                  + " DECISION`");
  return out;
}

std::string container_actor_state::problems_text() const {
  std::string out;
  for (const auto& item : problems())
    out += (out.empty() ? "" : "; ") + item;
  return out;
}

container_info container_actor_state::info() const {
  container_info out;
  out.container = record_.spec.name;
  out.id = record_.id;
  out.phase = state_.phase;
  out.image = record_.spec.image.value_or(record_.spec.rootfs.value_or(""));
  out.created_ms = record_.created_ms;
  out.pid = kit_ ? kit_->holder_pid : 0;
  out.uid_base = record_.uid_base;
  out.live_processes = live_processes();
  out.properties = record_.spec.properties;
  out.problems = problems();
  return out;
}

std::uint32_t container_actor_state::live_processes() const {
  return static_cast<std::uint32_t>(
      std::count_if(processes_.begin(), processes_.end(), [](const auto& item) {
        return is_live(item.second.info.phase);
      }));
}

void container_actor_state::tell(event_kind kind, const std::string& process,
                                 std::string text) {
  publish({{0, kernel::unix_ms(), kind, record_.spec.name, process,
            std::move(text)}});
}

void container_actor_state::publish(std::vector<event> what) {
  if (gone_)
    return;
  auto now = info();
  told_live_ = now.live_processes;
  container_change change{how_.key, std::move(now), std::move(what)};
  change.asks_revival =
      state_.phase == container_phase::gave_up && state_.was_up
      && state_.on_gave_up == config::gave_up_action::rebuild_container;
  how_.on_change(std::move(change));
}

} // namespace reeve::supervisor
