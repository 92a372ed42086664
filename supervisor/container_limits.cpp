// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Limits of a container: setting them, those in force, and those of each
// process.

#include "kernel-iface/rlimits.hpp"
#include "supervisor/container_actor_state.hpp"

#include <spdlog/logger.h>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;

namespace {

/// The resource of "rlimit.NAME"; `rlimit_count` of another key.
std::size_t resource_of(std::string_view key) {
  auto i = std::size_t{0};
  while (i < config::rlimit_count && config::rlimit_key(i) != key)
    ++i;
  return i;
}

config::rlimit_pair usual_rlimit(std::size_t resource) {
  auto usual = kernel::usual_rlimits()[resource];
  return {usual.rlim_cur, usual.rlim_max};
}

bool has_any(const config::rlimit_list& rlimits) {
  return std::ranges::any_of(
      rlimits, [](const auto& limit) { return !limit.is_absent(); });
}

/// `which`, of those that processes are started with.
config::rlimit_list in_force_of(const config::rlimit_list& which,
                                const config::rlimit_list& all) {
  config::rlimit_list out;
  for (auto i = std::size_t{0}; i < out.size(); ++i)
    if (!which[i].is_absent())
      out[i] = all[i].is_absent() ? usual_rlimit(i) : all[i];
  return out;
}

} // namespace

// Of the policy the kernel knows only whether it is not its own, and of limits
// of processes what each of them has. Without keys: of these, those that are
// set.
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
  for (auto i = std::size_t{0}; i < config::rlimit_count; ++i) {
    auto key = std::string{config::rlimit_key(i)};
    auto value = config::to_text(record_.spec.limits, key).value_or("");
    if (keys.empty() ? value.empty() : std::ranges::count(keys, key) == 0)
      continue;
    if (value.empty())
      value = config::format_rlimit(usual_rlimit(i), i);
    out.limits.push_back({std::move(key), std::move(value), record_.id});
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
    share_rlimits();
    return end_set(limits_in_force{});
  }
  // The kernel forgets the weight of a group while it is idle.
  if (wanted.cpu_idle.value() == false && wanted.cpu_weight.is_absent())
    change.limits.cpu_weight = record_.spec.limits.cpu_weight;
  // It is made from the limit, and the kernel forgets it without one.
  if (!wanted.memory_bytes.is_absent() && wanted.on_oom.is_absent())
    change.limits.on_oom = record_.spec.limits.on_oom;
  // First: who is started meanwhile has them.
  if (has_any(wanted.rlimits))
    share_rlimits(limits_after(asked.values, wanted).rlimits);
  self_->request(controller_, caf::infinite, actors::apply_limits{change})
      .then(
          [this, wanted, before = change.rlimits_before,
           values = asked.values](const actors::limit_readings& now) {
            if (auto ok = keep_limits(values, wanted, now.killed); !ok)
              return take_limits_back(now.before, before,
                                      make_error(ok.error()));
            watch_memory();
            std::vector<std::string> keys;
            for (const auto& [key, value] : values)
              keys.push_back(key);
            end_set(in_force(now, keys));
          },
          [this](caf::error& err) {
            share_rlimits();
            end_set(std::move(err));
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
  out.rlimits_before = in_force_of(wanted.rlimits, record_.spec.limits.rlimits);
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
    if (resource_of(key) == config::rlimit_count)
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
void container_actor_state::take_limits_back(config::limits before,
                                             const config::rlimit_list& rlimits,
                                             const caf::error& why) {
  if (!controller_) { // they went with the group
    share_rlimits();
    return end_set(why);
  }
  actors::limit_change back;
  back.limits = std::move(before);
  back.limits.rlimits = rlimits;
  back.rlimits_before =
      in_force_of(rlimits, rlimits_ ? *rlimits_ : config::rlimit_list{});
  back.restores = true;
  share_rlimits();
  self_->request(controller_, caf::infinite, actors::apply_limits{back})
      .then([this, why](const actors::limit_readings&) { end_set(why); },
            [this, why](const caf::error& err) {
              with_->log->error("container '{}': {}", record_.spec.name,
                                to_string(err));
              end_set(why);
            });
}

// -- limits of processes ------------------------------------------------------

void container_actor_state::share_rlimits() {
  share_rlimits(record_.spec.limits.rlimits);
}

// Who was told to start with others before says so once it runs.
void container_actor_state::share_rlimits(const config::rlimit_list& rlimits) {
  auto now = rlimits_ ? *rlimits_ : config::rlimit_list{};
  if (now == rlimits)
    return;
  rlimits_ = has_any(rlimits)
                 ? std::make_shared<const config::rlimit_list>(rlimits)
                 : nullptr;
  for (const auto& [id, item] : processes_)
    self_->send(item.actor, use_rlimits{rlimits_});
}

// Somebody was started with `old`, or, null, with none.
void container_actor_state::replace_rlimits(const config::rlimit_list* old) {
  const auto none = config::rlimit_list{};
  const auto& before = old != nullptr ? *old : none;
  const auto& now = rlimits_ ? *rlimits_ : none;
  actors::limit_change change;
  for (auto i = std::size_t{0}; i < now.size(); ++i)
    if (!(now[i].is_absent() && before[i].is_absent()) && now[i] != before[i]) {
      change.limits.rlimits[i] = now[i].is_absent() ? usual_rlimit(i) : now[i];
      change.rlimits_before[i] =
          before[i].is_absent() ? usual_rlimit(i) : before[i];
    }
  apply_rlimits(std::move(change));
}

// Of a daemon that was killed just then, somebody may have more than that.
void container_actor_state::lower_rlimits() {
  actors::limit_change change;
  change.limits.rlimits = record_.spec.limits.rlimits;
  change.rlimits_before = record_.spec.limits.rlimits;
  apply_rlimits(std::move(change));
}

void container_actor_state::apply_rlimits(actors::limit_change change) {
  if (!controller_ || !has_any(change.limits.rlimits))
    return;
  self_
      ->request(controller_, caf::infinite,
                actors::apply_limits{std::move(change)})
      .then([](const actors::limit_readings&) {},
            [this](const caf::error& err) {
              with_->log->error("container '{}': {}", record_.spec.name,
                                to_string(err));
            });
}

} // namespace reeve::supervisor
