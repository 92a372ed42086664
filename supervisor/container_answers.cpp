// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a container tells: answers to those who wait, listings, events.

#include "kernel-iface/process_stats.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/container_actor_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;

namespace {

constexpr std::int64_t shortest_period = 10; // ms
constexpr std::int64_t longest_period = 3'600'000;

} // namespace

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

caf::result<group_resolved>
container_actor_state::resolve(const resolve_group&) {
  auto promise = actors::owe<group_resolved>(self_);
  group_askers_.push_back(promise);
  settle_group_askers();
  return promise;
}

// Who is in our groups goes down before they do, and so comes up behind them.
void container_actor_state::settle_group_askers() {
  auto comes_up = (state_.phase == container_phase::creating
                   || state_.phase == container_phase::rebuilding)
                  && state_.heading == work::direction::make;
  if (group_askers_.empty() || comes_up)
    return;
  auto is_up = state_.phase == container_phase::running && kit_;
  std::string first = "it has to run first";
  if (state_.phase == container_phase::paused
      || state_.phase == container_phase::pausing)
    first = "resume it first";
  else if (allows(state_.phase, container_command::start))
    first = "start it first";
  for (auto& one : std::exchange(group_askers_, {}))
    if (is_up)
      one.deliver(group_resolved{kit_->cgroup->path()});
    else
      one.deliver(make_error(
          errc::wrong_state,
          "container '" + record_.spec.name + "', which it is to be in, is "
              + std::string{name_of(state_.phase)} + ": " + first));
}

caf::result<container_stats>
container_actor_state::stats(const get_stats& msg) {
  if (!controller_)
    return without_cgroup();
  if (msg.period_ms != 0
      && (msg.period_ms < shortest_period || msg.period_ms > longest_period))
    return make_error(errc::invalid_argument,
                      "a period of " + std::to_string(msg.period_ms)
                          + " ms: 10 ms to an hour are possible");
  auto promise = actors::owe<container_stats>(self_);
  auto now = clock::now();
  if (msg.period_ms == 0) {
    read_stats({{now, msg.with_processes, promise}});
    return promise;
  }
  auto period = milliseconds{msg.period_ms};
  auto due = clock::time_point{period * (now.time_since_epoch() / period + 1)};
  // One timer for all that wait until then.
  if (std::ranges::none_of(stats_readers_,
                           [due](const auto& one) { return one.due == due; }))
    self_->delayed_send(self_, due - now, stats_due{});
  stats_readers_.push_back({due, msg.with_processes, promise});
  return promise;
}

void container_actor_state::on(stats_due) {
  auto later = std::ranges::partition(
      stats_readers_,
      [now = clock::now()](const auto& reader) { return reader.due <= now; });
  std::vector<waiting_reader> due{
      std::make_move_iterator(stats_readers_.begin()),
      std::make_move_iterator(later.begin())};
  stats_readers_.erase(stats_readers_.begin(), later.begin());
  if (!due.empty())
    read_stats(std::move(due));
}

void container_actor_state::read_stats(std::vector<waiting_reader> readers) {
  auto deliver = [readers = std::move(readers)](const auto& answer) {
    for (auto reader : readers)
      reader.promise.deliver(answer(reader.with_processes));
  };
  if (!controller_)
    return deliver([this](bool) { return without_cgroup(); });
  self_->request(controller_, caf::infinite, actors::read_stats{})
      .then(
          [this, deliver](const actors::stats_reading& now) {
            container_stats out{record_.spec.name,
                                record_.id,
                                kernel::unix_ms(),
                                now.stats,
                                {}};
            std::optional<std::vector<process_stats>> processes;
            deliver([&](bool with_processes) {
              auto one = out;
              if (with_processes && !processes)
                processes = stats_of_processes();
              if (with_processes)
                one.processes = *processes;
              return one;
            });
          },
          [deliver](const caf::error& err) {
            deliver([&err](bool) { return err; });
          });
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
            out.limits = in_force(now, {}).limits;
            promise.deliver(std::move(out));
          },
          [promise, out](const caf::error&) mutable {
            promise.deliver(std::move(out)); // being torn down: no limits
          });
  return promise;
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
  change.comes_back = record_.down_with_parent;
  how_.on_change(std::move(change));
}

} // namespace reeve::supervisor
