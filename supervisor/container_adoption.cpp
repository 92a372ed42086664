// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Taking over what an earlier daemon has left: nothing is made anew.

#include "actors/failure.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"

#include <caf/send.hpp>
#include <spdlog/logger.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <utility>

namespace reeve::supervisor {

namespace event_of = container_event;
using namespace std::chrono_literals;

namespace {

constexpr unsigned most_adoption_tries = 100;

// What is nested in it goes before the groups, whoever had made it.
std::bitset<layer_count> standing_in_part() {
  std::bitset<layer_count> out;
  out.set(static_cast<std::size_t>(layer::cgroup));
  out.set(static_cast<std::size_t>(layer::nested));
  return out;
}

} // namespace

void container_actor_state::adopt_what_stands() {
  if (!claim_ids())
    with_->log->error("container '{}': {}", record_.spec.name,
                      to_string(*ids_refused_));
  connect_and_adopt();
}

bool container_actor_state::claim_ids() {
  ids_refused_.reset();
  if (auto ok = with_->ids->claim(record_.uid_base); !ok)
    ids_refused_ = std::move(ok.error());
  return !ids_refused_;
}

void container_actor_state::connect_and_adopt() {
  auto socket = connect_to_holder(record_, with_->boot_id);
  auto ok = kernel::result<void>{};
  if (!socket)
    ok = tl::make_unexpected(std::move(socket.error()));
  else if (*socket && !kit_)
    ok = adopt_groups(with_->cgroups->adopt(group_of(record_)));
  if (!ok && is_for_later(ok.error()))
    return;
  if (!ok || !*socket)
    return adopt_remains();
  // What the kernel has killed before may have been explained already.
  oom_witness_->begin(
      kernel::read_oom_counts(*kit_->cgroup).value_or(kernel::oom_counts{}));
  kit_->uid_base = record_.uid_base;
  kit_->holder_pid = record_.holder_pid;
  kit_->holder_start_time = record_.holder_start_time;
  actors::holder_options how;
  how.control = std::make_shared<kernel::unique_fd>(std::move(*socket));
  how.cgroup = kit_->cgroup;
  how.keep_alive = how_.with;
  how.deadline = with_->config.deadlines.start;
  kit_->holder =
      actors::spawn_namespace_holder(self_->system(), *with_->control, how);
  adopting_ = true;
  listen(); // first: an end may come right behind the inventory
  self_->request(kit_->holder, caf::infinite, actors::get_inventory{})
      .then(
          [this](const actors::holder_inventory& found) {
            take_inventory(found);
          },
          [this](const caf::error& err) { connect_later(err); });
}

// What we are out of now we will have again, and PID 1 waits. Of what else goes
// wrong little says that it is dead; the rest may be over the next time.
bool container_actor_state::is_for_later(const kernel::sys_error& why) {
  with_->log->warn("container '{}': {}", record_.spec.name, to_string(why));
  auto is_over = why.code == ENOENT || why.code == ECONNREFUSED
                 || why.code == ECONNRESET || why.code == EPROTO;
  auto is_want =
      actors::code_of(actors::make_error(why)) == actors::errc::exhausted;
  if (is_over || (!is_want && ++adoption_tries_ >= most_adoption_tries))
    return false;
  self_->delayed_send(self_, 200ms, adoption_due{});
  return true;
}

// PID 1 talks to one of us at a time, and turns away who comes before the other
// has gone. If it is dead, the next try finds out.
void container_actor_state::connect_later(const caf::error& why) {
  if (actors::says_of_failure(why)) // which says nothing of PID 1
    return begin_anew(why);
  if (kit_->holder)
    self_->send_exit(kit_->holder, caf::exit_reason::user_shutdown);
  kit_->holder = nullptr;
  ++generation_; // nothing that it said counts
  if (actors::code_of(why) == actors::errc::gone
      && ++adoption_tries_ < most_adoption_tries) {
    self_->delayed_send(self_, 50ms, adoption_due{});
    return;
  }
  with_->log->warn("container '{}': {}", record_.spec.name,
                   actors::text_of(why));
  adopt_remains();
}

void container_actor_state::on(adoption_due) {
  connect_and_adopt();
}

kernel::result<void> container_actor_state::adopt_groups(
    kernel::result<kernel::container_cgroup> found) {
  if (!found)
    return tl::make_unexpected(std::move(found.error()));
  kit_ = std::make_shared<kit>();
  kit_->id = record_.id;
  kit_->cgroup =
      std::make_shared<const kernel::container_cgroup>(std::move(*found));
  control_cgroup();
  return {};
}

void container_actor_state::take_inventory(
    const actors::holder_inventory& found) {
  adopting_ = false;
  turns_wait_ = true;
  end_what_was_left();
  watch_memory();
  watch_dirty_pages();
  auto runs = sort_runs(found);
  restore_ends_before(runs);
  auto pending = std::make_shared<std::size_t>(1);
  auto one_done = [this, pending]() {
    if (--*pending > 0)
      return;
    release_turns();
    begin_lease();
    // The daemon died while it stopped it.
    if (!record_.wanted_up && !record_.gave_up)
      apply(event_of::command_given{container_command::stop});
    adopter_.deliver(is_now());
  };
  restart_snapshot restarts; // of all together
  for (auto& [serial, of_it] : runs) {
    const auto* known = of_it.newest;
    // The start of a `run` that nobody has recorded: it has not happened.
    if (known->state.failed_code != 0 && run_of(known->state.process) == 1
        && find(serial) == nullptr) {
      forget_run(*known);
      continue;
    }
    auto noted = parse_noted_run(known->state.spec);
    auto* item = adopted_entry(serial, noted);
    if (item == nullptr)
      continue;
    auto notes = noted ? std::move(noted->notes) : run_notes{};
    item->info.restarts = notes.restarts;
    commands_.remember(notes.command, serial);
    next_serial_ = std::max(next_serial_, serial + 1);
    for (const auto& past : notes.tracker.restarts)
      restarts.restarts.push_back({past.at, std::nullopt});
    ++*pending;
    self_->send(item->actor, use_holder{kit_->holder, kit_->cgroup});
    self_
        ->request(
            item->actor, caf::infinite,
            adopt_process{*known, std::move(notes), std::move(of_it.ended)})
        .then([one_done](const process_is&) mutable { one_done(); },
              [one_done](const caf::error&) mutable { one_done(); });
  }
  if (state_.restarts) {
    std::ranges::sort(restarts.restarts, {}, &past_restart::at);
    state_.restarts =
        restart_tracker{state_.restarts->policy(), std::move(restarts)};
  }
  std::bitset<layer_count> standing;
  if (found.configured)
    standing = (1U << static_cast<unsigned>(layer::freezer)) - 1;
  else
    standing = standing_in_part();
  // A daemon that was killed could not thaw what it had frozen.
  if (auto state = kernel::get_freeze_state(*kit_->cgroup);
      !state || *state != kernel::freeze_state::thawed)
    standing.set(static_cast<std::size_t>(layer::freezer));
  apply(
      event_of::found{standing, record_.spec.remove_on_exit, record_.gave_up});
  tell(event_kind::container_adopted, {}, {});
  lower_rlimits();
  // What an earlier one gave up on is down by now, or we go on with it.
  for (auto* item : in_order())
    if (item->info.phase == process_phase::gave_up)
      apply(event_of::process_gave_up{words_for_end(item->info)});
  // What the holder does not know and what was not over by the record was
  // waiting for its next start. How often it had been started, nobody knows:
  // seconds outrun any number of runs that a back-off allows.
  auto used_runs =
      static_cast<std::uint64_t>(kernel::unix_ms() / 1000) & (probe_bit - 1);
  for (auto* item : in_order()) {
    if (runs.count(item->serial) != 0)
      continue;
    self_->send(item->actor, use_holder{kit_->holder, kit_->cgroup, used_runs});
    // Or a rebuild that was cut short had not come to it.
    auto comes_back = item->info.has_ended
                          ? wants_restart(item->restart, item->info.last)
                          : may_come_back(item->restart);
    if (!record_.wanted_up || !comes_back)
      continue;
    item->is_expected = true;
    caf::anon_send(item->actor, bring_up{process_event::start_cause::rebuild});
  }
  one_done();
}

// The newest run of each serial is the one that counts. Of those before it
// there is some output left at most.
container_actor_state::runs_by_serial
container_actor_state::sort_runs(const actors::holder_inventory& found) {
  runs_by_serial out;
  std::vector<const actors::known_process*> all;
  for (const auto& known : found.processes)
    if (is_probe(known.state.process))
      forget_run(known);
    else
      all.push_back(&known);
  std::ranges::sort(all, {},
                    [](const auto* known) { return known->state.process; });
  for (const auto* known : all) {
    auto& runs = out[serial_of(known->state.process)];
    const auto* older = std::exchange(runs.newest, known);
    if (older != nullptr && older->state.ended)
      runs.ended.push_back(*older);
    else if (older != nullptr)
      forget_run(*older);
  }
  return out;
}

container_actor_state::entry*
container_actor_state::adopted_entry(std::uint32_t serial,
                                     const std::optional<noted_run>& noted) {
  if (auto* item = find(serial))
    return item;
  if (!noted || processes_.count(noted->spec.id) != 0) {
    with_->log->error("container '{}': PID 1 knows a process {} that nobody "
                      "can make sense of",
                      record_.spec.name, serial);
    return nullptr;
  }
  auto& item =
      add_process(noted->spec, serial, false, {}, noted->notes.command);
  if (may_come_back(noted->spec.restart)) { // the daemon died before it said so
    declare(noted->spec, serial, noted->notes.command);
    save_soon();
  }
  return &item;
}

// What was over, unless PID 1 knows of a run that came after: the record may
// lag behind that.
void container_actor_state::restore_ends_before(const runs_by_serial& known) {
  for (const auto& [serial, runs] : known) {
    auto end = record_.ended.find(serial);
    if (end == record_.ended.end()
        || end->second.run >= run_of(runs.newest->state.process))
      continue;
    record_.ended.erase(end);
    save_soon();
  }
  restore_ends();
}

// The holder still knows a run that has a successor.
void container_actor_state::forget_run(const actors::known_process& known) {
  if (known.state.ended)
    dismiss(known.state.process);
  else
    end_stray(known.state.process); // its end comes to the actor
}

// What ran in a PID 1 that is gone, and does not come back by itself.
void container_actor_state::mark_lost() {
  if (!record_.wanted_up)
    return;
  for (auto& [id, item] : processes_) {
    if (item.info.has_ended || wants_restart(item.restart, exit_reason::lost()))
      continue;
    auto& end = record_.ended[item.serial];
    end = {exit_reason::lost(), item.run};
    restore_end(item, end);
  }
}

// PID 1 is gone: what it left in the kernel is cleared by the machine.
void container_actor_state::adopt_remains() {
  auto same_boot = record_.boot_id == with_->boot_id; // else there are none
  if (same_boot && !kit_)
    if (auto ok = adopt_groups(with_->cgroups->leftover(group_of(record_)));
        !ok && is_for_later(ok.error()))
      return;
  adopting_ = false;
  restore_ends();
  mark_lost();
  std::bitset<layer_count> standing;
  if (same_boot)
    standing = standing_in_part();
  apply(
      event_of::found{standing, record_.spec.remove_on_exit, record_.gave_up});
  tell(event_kind::container_adopted, {}, {});
  begin_lease();
  if (record_.gave_up) {
    waiters_.push_back({adopter_, container_phase::gave_up});
    return settle_waiters();
  }
  // One that is in another one comes up with that.
  if (!same_boot && record_.spec.boot && record_.wanted_up
      && is_nested(record_))
    record_.down_with_parent = true;
  publish({});
  if (!record_.wanted_up || record_.down_with_parent) {
    // Also for one whose stop was cut short: nothing of it may be left.
    waiters_.push_back({adopter_, container_phase::stopped});
    apply(event_of::command_given{container_command::stop});
    return settle_waiters();
  }
  if (!same_boot && record_.spec.boot && record_.wanted_up)
    apply(event_of::command_given{container_command::start});
  adopter_.deliver(is_now());
}

} // namespace reeve::supervisor
