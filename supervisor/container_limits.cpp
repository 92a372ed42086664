// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Limits of a container: setting them, and those in force.

#include "config/units.hpp"
#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_rlimits.hpp"
#include "kernel-iface/rlimits.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"

#include <spdlog/logger.h>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;

namespace {

bool has_any(const config::rlimit_list& rlimits) {
  return std::ranges::any_of(
      rlimits, [](const auto& limit) { return !limit.is_absent(); });
}

rlimit in_kernel(const config::limit_value<config::rlimit_pair>& limit) {
  auto pair = limit.value().value_or(config::rlimit_pair{});
  return {pair.soft, pair.hard};
}

// No file of a group has it.
constexpr auto dirty_key = std::string_view{"dirty.limit"};

// A fork or an exec that is under way has what was before.
constexpr auto until_forks_are_over = std::chrono::seconds{1};

} // namespace

// What PID 1 gives was settled when it was born, maybe by another daemon.
void container_actor_state::note_usual_rlimits() {
  record_.rlimits.clear();
  auto usual = kernel::usual_rlimits();
  for (auto i = std::size_t{0}; i < usual.size(); ++i)
    record_.rlimits.append(i == 0 ? "" : " ")
        .append(
            config::format_rlimit({usual[i].rlim_cur, usual[i].rlim_max}, i));
}

kernel::rlimit_array container_actor_state::usual_rlimits() const {
  auto out = kernel::usual_rlimits();
  auto noted = kernel::split_words(record_.rlimits);
  for (auto i = std::size_t{0}; i < out.size() && i < noted.size(); ++i)
    if (auto pair = config::parse_rlimit(noted[i]))
      out[i] = {pair->soft, pair->hard};
  return out;
}

// What a process has that is started now, and asks for nothing else.
kernel::rlimit_array container_actor_state::rlimits_in_force() const {
  auto out = usual_rlimits();
  const auto& own = record_.spec.limits.rlimits;
  for (auto i = std::size_t{0}; i < own.size(); ++i)
    if (!own[i].is_absent())
      out[i] = in_kernel(own[i]);
  return out;
}

std::vector<kernel::rlimit_change>
container_actor_state::changes_of(const config::rlimit_list& before,
                                  const config::rlimit_list& wanted) const {
  static_assert(config::rlimit_pair::unlimited == RLIM_INFINITY);
  auto usual = usual_rlimits();
  std::vector<kernel::rlimit_change> out;
  for (auto i = std::size_t{0}; i < wanted.size(); ++i)
    if (!wanted[i].is_absent())
      out.push_back({static_cast<int>(i), in_kernel(wanted[i]),
                     before[i].is_absent() ? usual[i] : in_kernel(before[i])});
  return out;
}

// Of the policy the kernel knows only whether it is not its own, of limits of
// processes what each of them has, and of dirty pages nothing. Without keys: of
// these, those that are set.
limits_in_force
container_actor_state::in_force(const actors::limit_readings& now,
                                const std::vector<std::string>& keys) const {
  limits_in_force out;
  for (const auto& item : now.limits)
    out.limits.push_back({item.key, item.value, now.source});
  if (auto policy = record_.spec.limits.on_oom.value())
    for (auto& item : out.limits)
      if (item.key == "oom.policy")
        item.value = config::format_oom_policy(*policy);
  if (auto limit = record_.spec.limits.dirty_bytes.value();
      keys.empty() ? limit.has_value()
                   : std::ranges::count(keys, dirty_key) != 0)
    out.limits.push_back({std::string{dirty_key},
                          limit ? config::format_size(*limit) : "max",
                          "emulated"});
  auto rlimits = rlimits_in_force();
  for (auto i = std::size_t{0}; i < config::rlimit_count; ++i) {
    auto is_absent = record_.spec.limits.rlimits[i].is_absent();
    auto key = config::rlimit_key(i);
    if (keys.empty() ? is_absent : std::ranges::count(keys, key) == 0)
      continue;
    const auto& limit = rlimits[i];
    out.limits.push_back(
        {std::string{key},
         config::format_rlimit({limit.rlim_cur, limit.rlim_max}, i),
         record_.id});
  }
  out.killed.assign(now.killed.begin(), now.killed.end());
  return out;
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
  tell_limits_again();
  if (!sets_.empty())
    begin_set();
}

void container_actor_state::begin_set() {
  const auto& asked = sets_.front().asked;
  actors::limit_change change;
  if (auto why = make_change(asked, change))
    return end_set(std::move(why));
  if (!controller_) { // at rest: they hold from the next start
    if (auto ok = keep_limits(asked.values, change.limits); !ok)
      return end_set(make_error(ok.error()));
    share_rlimits();
    return end_set(limits_in_force{});
  }
  if (!has_any(change.limits.rlimits))
    return set_groups(std::move(change));
  // What may be refused comes first: they cannot always go back.
  change_rlimits(changes_of(record_.spec.limits.rlimits, change.limits.rlimits),
                 false, [this, change](const caf::error& refused) {
                   return refused ? end_set(refused) : set_groups(change);
                 });
}

void container_actor_state::set_groups(actors::limit_change change) {
  if (!controller_)
    return end_set(without_cgroup());
  auto wanted = change.limits;
  // The kernel forgets the weight of a group while it is idle.
  if (wanted.cpu_idle.value() == false && wanted.cpu_weight.is_absent())
    change.limits.cpu_weight = record_.spec.limits.cpu_weight;
  // It is made from the limit, and the kernel forgets it without one.
  if (!wanted.memory_bytes.is_absent() && wanted.on_oom.is_absent())
    change.limits.on_oom = record_.spec.limits.on_oom;
  self_
      ->request(controller_, caf::infinite,
                actors::apply_limits{std::move(change)})
      .then([this, wanted](
                const actors::limit_readings& now) { keep_set(wanted, now); },
            [this](caf::error& err) { end_set(std::move(err)); });
}

void container_actor_state::keep_set(const config::limits& wanted,
                                     const actors::limit_readings& now) {
  const auto& values = sets_.front().asked.values;
  auto before = record_.spec.limits.rlimits;
  if (auto ok = keep_limits(values, wanted, now.killed); !ok)
    return take_limits_back(now.before, make_error(ok.error()));
  watch_memory();
  watch_dirty_pages();
  std::vector<std::string> keys;
  for (const auto& [key, value] : values)
    keys.push_back(key);
  auto answer = in_force(now, keys);
  share_rlimits();
  if (!has_any(wanted.rlimits) || !controller_)
    return end_set(std::move(answer));
  auto changes = changes_of(before, wanted.rlimits);
  change_rlimits(changes, true, [=, this](const caf::error& refused) {
    if (controller_)
      look_again_at_rlimits(changes);
    if (!refused)
      return end_set(answer);
    // Of a process that was not there when it was checked.
    end_set(make_error(errc::refused_by_kernel,
                       "it is set, but not for all processes that run: "
                           + to_string(refused)));
  });
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
  std::vector<std::string> of_group;
  for (const auto& key : msg.keys) {
    config::limits probe;
    if (auto ok = config::clear_key(probe, key); !ok)
      return make_error(errc::invalid_argument, to_string(ok.error()));
    if (!key.starts_with("rlimit.") && key != dirty_key)
      of_group.push_back(key);
  }
  if (!controller_)
    return without_cgroup();
  if (of_group.empty() && !msg.keys.empty())
    return in_force({}, msg.keys);
  auto promise = actors::owe<limits_in_force>(self_);
  self_->request(controller_, caf::infinite, actors::read_limits{of_group})
      .then(
          [this, promise,
           keys = msg.keys](const actors::limit_readings& now) mutable {
            promise.deliver(in_force(now, keys));
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
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

// -- limits of processes ------------------------------------------------------

// Who was told to start with others gets these once it runs.
void container_actor_state::share_rlimits() {
  const auto& rlimits = record_.spec.limits.rlimits;
  auto now = rlimits_ ? *rlimits_ : config::rlimit_list{};
  if (now == rlimits)
    return;
  rlimits_ = has_any(rlimits)
                 ? std::make_shared<const config::rlimit_list>(rlimits)
                 : nullptr;
  for (const auto& [id, item] : processes_)
    self_->send(item.actor, use_rlimits{rlimits_});
}

template <class Then>
void container_actor_state::change_rlimits(
    std::vector<kernel::rlimit_change> changes, bool applies, Then then) {
  if (!controller_ || !kit_)
    return then(without_cgroup());
  auto holder = open_holder(*kit_);
  if (!holder && kit_->holder_pid != 0 && !applies)
    return then(make_error(errc::exhausted,
                           "PID 1 of container '" + record_.spec.name
                               + "' cannot be looked at: no descriptor is to "
                                 "be had, or it has just ended"));
  actors::change_rlimits msg{std::move(changes), kit_->holder_pid,
                             std::move(holder), applies};
  self_->request(controller_, caf::infinite, std::move(msg))
      .then([then](actors::cgroup_done) { then(caf::error{}); },
            [then](const caf::error& err) { then(err); });
}

void container_actor_state::look_again_at_rlimits(
    const std::vector<kernel::rlimit_change>& changes) {
  auto is_first = rlimits_before_.empty();
  for (const auto& change : changes)
    rlimits_before_.push_back({change, clock::now()});
  if (is_first)
    self_->delayed_send(self_, until_forks_are_over, rlimits_due{});
}

// They get what is in force by now.
void container_actor_state::on(rlimits_due) {
  auto is_due = [now = clock::now()](const former_rlimit& item) {
    return item.at + until_forks_are_over <= now;
  };
  auto first_later = std::ranges::find_if_not(rlimits_before_, is_due);
  std::vector<kernel::rlimit_change> changes;
  for (auto it = rlimits_before_.begin(); it != first_later; ++it) {
    auto change = it->change;
    const auto& now = record_.spec.limits.rlimits.at(
        static_cast<std::size_t>(change.resource));
    change.value = in_kernel(now);
    if (!now.is_absent()
        && (change.before.rlim_cur != change.value.rlim_cur
            || change.before.rlim_max != change.value.rlim_max))
      changes.push_back(change);
  }
  rlimits_before_.erase(rlimits_before_.begin(), first_later);
  if (!rlimits_before_.empty())
    self_->delayed_send(self_, until_forks_are_over, rlimits_due{});
  if (!changes.empty())
    apply_again(std::move(changes));
}

// Of a daemon that was killed amid a change, some may have more than that, and
// PID 1 less.
void container_actor_state::lower_rlimits() {
  const auto& all = record_.spec.limits.rlimits;
  if (!has_any(all))
    return;
  auto changes = changes_of(all, all);
  change_rlimits(changes, false, [this, changes](const caf::error& refused) {
    if (refused)
      with_->log->error("container '{}': {}", record_.spec.name,
                        to_string(refused));
    apply_again(changes);
  });
}

void container_actor_state::apply_again(
    std::vector<kernel::rlimit_change> changes) {
  if (controller_)
    change_rlimits(std::move(changes), true, [this](const caf::error& refused) {
      if (refused)
        with_->log->error("container '{}': {}", record_.spec.name,
                          to_string(refused));
    });
}

// Before it can be started with them.
void container_actor_state::check_rlimits(std::uint64_t serial) {
  const auto& all = record_.spec.limits.rlimits;
  if (!has_any(all))
    return finished(serial);
  change_rlimits(changes_of(all, all), false,
                 [this, serial](const caf::error& refused) {
                   return refused ? failed(serial, refused) : finished(serial);
                 });
}

// The groups above all containers have the sum of these.
template <class Then>
void container_actor_state::give_shares_back(Then then) {
  const auto& has = record_.spec.limits;
  actors::limit_change none;
  if (has.cpu_rt.value().value_or(0) != 0)
    none.limits.cpu_rt = 0.0;
  if (has.memory_soft_bytes.value())
    none.limits.memory_soft_bytes =
        config::limit_value<std::uint64_t>::unlimited();
  if (none.limits.cpu_rt.is_absent()
      && none.limits.memory_soft_bytes.is_absent())
    return then();
  // What takes its turn before it may take longer than we have.
  self_
      ->request(controller_, with_->config.deadlines.kill,
                actors::apply_limits{none})
      .then([then](const actors::limit_readings&) { then(); },
            [this, then](const caf::error& err) {
              with_->log->warn("container '{}': {}", record_.spec.name,
                               to_string(err));
              then();
            });
}

void container_actor_state::remove_cgroup(std::uint64_t serial) {
  rlimits_before_.clear();
  give_shares_back([this, serial] { remove_groups(serial); });
}

} // namespace reeve::supervisor
