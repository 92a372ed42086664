// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Which of the processes is started, and stopped, when: on the container's way
// up and down, and when one of a group takes others along. The rules are those
// of start_turns.hpp.

#include "actors/failure.hpp"
#include "config/start_order.hpp"
#include "config/text.hpp"
#include "config/units.hpp"
#include "supervisor/container_actor_state.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;

namespace {

std::string words_of(const std::vector<std::string>& ids) {
  return config::joined(std::vector<std::string_view>{ids.begin(), ids.end()});
}

} // namespace

// -- the way up ---------------------------------------------------------------

void container_actor_state::make_processes(std::uint64_t serial) {
  std::deque<std::uint32_t> wanted;
  for (auto* item : in_order()) {
    self_->send(item->actor, use_holder{kit_->holder, kit_->cgroup});
    item->is_expected = wanted_now(*item);
    if (item->is_expected)
      wanted.push_back(item->serial);
  }
  starts_left_ = wanted.size() + 1;
  start_next(serial, std::move(wanted));
  start_answered(serial);
}

// One after the other: a process may rely on those that the spec names before
// it. One that says which it needs waits for those, and nobody waits for it.
void container_actor_state::start_next(std::uint64_t serial,
                                       std::deque<std::uint32_t> left) {
  if (state_.heading == work::direction::undo)
    return finished(serial); // the plan has changed
  auto is_alone = false;
  while (!left.empty() && !is_alone) {
    auto* item = find(left.front());
    left.pop_front();
    if (item == nullptr) {
      start_answered(serial);
      continue;
    }
    is_alone = item->after.empty();
    auto until = clock::now()
                 + deadline_of(*state_.doing, with_->config.deadlines)
                 + (is_alone ? 0ms : item->after_timeout);
    work_until_ = std::max(work_until_, until);
    auto go_on = [this, serial, left, is_alone] {
      if (is_alone)
        start_next(serial, left);
      start_answered(serial);
    };
    // After a rebuild it is the process's own policy that counts.
    auto by_hand = state_.anew;
    if (!by_hand && !is_alone)
      start_answered(serial);
    self_
        ->request(item->actor, caf::infinite,
                  bring_up{by_hand ? process_event::start_cause::by_hand
                                   : process_event::start_cause::rebuild})
        .then(
            [this, serial, go_on,
             counts = by_hand || is_alone](const process_started&) {
              if (is_current(serial) && counts)
                go_on();
            },
            [this, serial, go_on, by_hand, counts = by_hand || is_alone,
             number = item->serial](const caf::error& err) {
              if (auto* now = find(number))
                now->is_expected = false;
              if (!is_current(serial))
                return give_turns();
              if (by_hand || actors::says_of_failure(err))
                failed(serial, err);
              else if (counts)
                go_on();
            });
  }
}

void container_actor_state::start_answered(std::uint64_t serial) {
  if (is_current(serial) && --starts_left_ == 0)
    end_start(serial);
}

// A new container is recorded when all of it is there: until then, whoever
// finds it without a supervisor removes it, and its create has not happened.
void container_actor_state::end_start(std::uint64_t serial) {
  if (creating_)
    if (auto ok = with_->store->save(record_); !ok)
      return failed(serial, make_error(ok.error()));
  finished(serial);
}

// -- the way down -------------------------------------------------------------

// Also to hurry: who was asked before is asked again, with the time that is
// left now.
void container_actor_state::undo_processes(std::uint64_t serial) {
  if (!kit_ || kit_->holder_pid == 0) // PID 1 took them along
    return finished(serial);
  for (auto& [id, item] : processes_)
    item.stopping = entry::stop::none;
  stop_next(serial);
}

// Peers in parallel, each down its own ladder, but nobody before those that
// need it; who was started last hears of it first.
void container_actor_state::stop_next(std::uint64_t serial) {
  if (!is_current(serial))
    return;
  auto grace = state_.grace ? state_.grace->count() : -1;
  auto items = in_order();
  auto peers = as_peers(items);
  auto is_over = true;
  for (auto i = items.size(); i-- > 0;) {
    auto& item = *items[i];
    if (!is_live(item.info.phase) || item.stopping == entry::stop::answered)
      continue;
    is_over = false;
    if (item.stopping == entry::stop::asked || !may_stop(peers, i))
      continue;
    item.stopping = entry::stop::asked;
    auto answered = [this, serial, number = item.serial] {
      if (auto* now = find(number))
        now->stopping = entry::stop::answered;
      stop_next(serial);
    };
    self_
        ->request(item.actor, caf::infinite,
                  stop_process{record_.spec.name, item.info.process, grace})
        .then([answered](const process_is&) { answered(); },
              [answered](const caf::error&) { answered(); });
  }
  if (is_over)
    finished(serial);
}

// Of the longest line of processes that are stopped one after the other.
milliseconds container_actor_state::time_to_stop() {
  std::map<std::string, milliseconds> before; // who needs it has stopped
  auto longest = 0ms;
  auto items = in_order();
  for (auto at = items.rbegin(); at != items.rend(); ++at) {
    const auto& item = **at;
    if (!is_live(item.info.phase))
      continue;
    auto all = state_.grace.value_or(item.stop_grace);
    if (auto found = before.find(item.info.process); found != before.end())
      all = std::min(all + found->second + kill_deadline,
                     config::longest_duration);
    longest = std::max(longest, all);
    for (const auto& id : item.after)
      before[id] = std::max(before[id], all);
  }
  return longest;
}

// -- turns --------------------------------------------------------------------

bool container_actor_state::takes_turns(
    const config::process_spec& spec) const {
  return !spec.after.empty()
         || (record_.spec.supervision.strategy
                 != config::restart_strategy::one_for_one
             && may_come_back(spec.restart));
}

std::vector<peer>
container_actor_state::as_peers(const std::vector<entry*>& items) const {
  std::vector<peer> out;
  for (const auto* item : items) {
    auto& one = out.emplace_back();
    one.id = item->info.process;
    one.after = item->after;
    if (may_come_back(item->restart))
      one.group = item->group;
    one.phase = item->info.phase;
    one.ready = item->info.ready;
    if (item->info.has_ended)
      one.last = item->info.last;
    one.is_expected = item->is_expected;
    one.stands_by = item->stands_by;
  }
  return out;
}

void container_actor_state::give_turns() {
  auto waits = [](const auto& named) {
    return named.second.info.phase == process_phase::waiting;
  };
  if (turns_wait_ || state_.heading == work::direction::undo
      || std::ranges::none_of(processes_, waits))
    return;
  auto items = in_order();
  auto peers = as_peers(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& item = *items[i];
    if (item.info.phase != process_phase::waiting
        || item.answered_turn == item.turn)
      continue;
    auto verdict = turn_of(peers, i, record_.spec.supervision.strategy);
    item.info.waits_for = verdict.whom;
    if (verdict.what == turn::wait)
      continue;
    item.answered_turn = item.turn;
    take_turn msg{item.turn, {}};
    if (verdict.what == turn::refuse)
      msg.refused =
          make_error(errc::wrong_state, "process '" + item.info.process
                                            + "' needs what does not run: "
                                            + words_of(verdict.whom));
    self_->send(item.actor, std::move(msg));
  }
}

std::vector<container_actor_state::entry*>
container_actor_state::falling_with(const entry& item) {
  std::vector<entry*> out;
  auto strategy = record_.spec.supervision.strategy;
  if (strategy == config::restart_strategy::one_for_one
      || state_.heading == work::direction::undo)
    return out;
  auto items = in_order();
  auto at = std::ranges::find(items, &item) - items.begin();
  for (auto i :
       fall_with(as_peers(items), static_cast<std::size_t>(at), strategy))
    out.push_back(items[i]);
  return out;
}

void container_actor_state::restart_with(const entry& item) {
  if (turns_wait_)
    return fallen_.push_back(item.serial);
  for (auto* other : falling_with(item)) {
    if (other->info.phase != process_phase::starting
        && other->info.phase != process_phase::running && !other->is_expected)
      continue;
    other->stands_by = true;
    self_->send(other->actor, stand_by{});
  }
}

// It gave up, and so nothing is to go on that would be restarted with it.
void container_actor_state::stop_with(const entry& item) {
  for (auto* other : falling_with(item))
    if (is_live(other->info.phase))
      caf::anon_send(other->actor,
                     stop_process{record_.spec.name, other->info.process, -1});
}

void container_actor_state::release_turns() {
  turns_wait_ = false;
  for (auto serial : std::exchange(fallen_, {}))
    if (auto* item = find(serial))
      restart_with(*item);
  give_turns();
}

// -- needs --------------------------------------------------------------------

// Of a process that is added to those that are there.
std::optional<caf::error>
container_actor_state::check_needs(const config::process_spec& added) const {
  auto refuse = [&](const std::string& why) {
    return make_error(errc::invalid_argument,
                      "process '" + added.id + "' " + why);
  };
  for (const auto& id : added.after)
    if (processes_.count(id) == 0)
      return refuse("needs " + config::in_quotes(id) + ", and container '"
                    + record_.spec.name + "' has no such process");
  std::vector<config::process_needs> needs;
  for (const auto& [id, item] : processes_)
    needs.push_back({id, item.after});
  needs.push_back({added.id, added.after});
  if (auto order = config::start_order(needs); !order)
    return refuse(order.error().message);
  // The next daemon knows only of those that are kept.
  if (may_come_back(added.restart))
    for (const auto& id : added.after)
      if (!is_declared(processes_.at(id).serial))
        return refuse("is restarted, and so cannot need '" + id
                      + "', which is not and will be forgotten");
  return std::nullopt;
}

const std::string*
container_actor_state::needed_by(const std::string& id) const {
  for (const auto& [other, item] : processes_)
    if (std::ranges::find(item.after, id) != item.after.end())
      return &other;
  return nullptr;
}

} // namespace reeve::supervisor
