// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The user processes of a container, as a collection: who is in it, what is
// kept of each, and when the ends of some stop the whole.

#include "actors/failure.hpp"
#include "config/start_order.hpp"
#include "config/text.hpp"
#include "config/validate.hpp"
#include "supervisor/auto_stop.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"
#include "supervisor/process_streams.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <csignal>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
namespace event_of = container_event;

namespace {

// Processes that were run once and have ended, for each container.
constexpr std::size_t kept_when_over = 100;

// The spec's words and the pure rule's own.
auto_stop rule_of(config::auto_stop rule) {
  switch (rule) {
  case config::auto_stop::never:
    return auto_stop::never;
  case config::auto_stop::any_significant:
    return auto_stop::any_significant;
  case config::auto_stop::all_significant:
    return auto_stop::all_significant;
  }
  return auto_stop::never;
}

} // namespace

// With what was started, or an error.
template <class Answer>
void container_actor_state::settle_run(std::uint32_t serial,
                                       const Answer& answer) {
  if (auto waiting = runs_under_way_.extract(serial))
    for (auto& promise : waiting.mapped())
      promise.deliver(answer);
}

caf::result<process_started>
container_actor_state::run(const run_process& msg,
                           std::vector<actors::shared_fd> stdio) {
  auto is_open = [](const auto& fd) { return fd && *fd; };
  if (!stdio.empty()
      && (stdio.size() != 3
          || !std::all_of(stdio.begin(), stdio.end(), is_open)))
    return make_error(errc::invalid_argument,
                      "three open descriptors are needed, or none");
  if (auto made = commands_.find(msg.command))
    return repeat(*made);
  if (auto refused = check_command(container_command::run_process))
    return std::move(*refused);
  if (auto ok = config::validate(msg.spec); !ok)
    return make_error(errc::invalid_argument, to_string(ok.error()));
  if (processes_.count(msg.spec.id) != 0)
    return make_error(errc::already_exists,
                      "container '" + record_.spec.name + "' has a process '"
                          + msg.spec.id
                          + "' already: remove it first or take another name");
  if (auto refused = check_needs(msg.spec))
    return std::move(*refused);
  auto number = new_serial();
  if (!number)
    return make_error(number.error());
  auto serial = *number;
  auto& entry = add_process(msg.spec, serial, msg.attached, std::move(stdio),
                            msg.command);
  commands_.remember(msg.command, serial);
  self_->send(entry.actor, use_holder{kit_->holder, kit_->cgroup});
  auto promise = actors::owe<process_started>(self_);
  runs_under_way_[serial].push_back(promise);
  self_->request(entry.actor, caf::infinite, bring_up{})
      .then(
          [this, spec = msg.spec, serial,
           command = msg.command](const process_started& started) {
            if (may_come_back(spec.restart)) {
              declare(spec, serial, command);
              if (auto* item = find(serial))
                note_end(*item); // it may be over already
              if (auto ok = try_save(); !ok)
                return end_unrecorded(serial, make_error(ok.error()));
            }
            settle_run(serial, started);
          },
          [this, serial, id = msg.spec.id](const caf::error& err) {
            if (actors::says_of_failure(err)) { // and it may run
              begin_anew(err);
            } else {
              commands_.forget(serial); // a repeat tries again
              drop_process(id);
            }
            settle_run(serial, err);
          });
  return promise;
}

// It is started again with the container.
void container_actor_state::declare(const config::process_spec& spec,
                                    std::uint32_t serial,
                                    std::uint64_t command) {
  record_.spec.processes.push_back(spec);
  record_.serials.push_back(serial);
  if (command != 0)
    record_.commands[serial] = command;
}

// It was to be kept and cannot be: the next daemon would not know of it.
void container_actor_state::end_unrecorded(std::uint32_t serial,
                                           const caf::error& why) {
  commands_.forget(serial);
  auto* item = find(serial);
  if (item == nullptr)
    return settle_run(serial, why);
  auto id = item->info.process;
  self_
      ->request(item->actor, caf::infinite,
                stop_process{record_.spec.name, id, 0})
      .then(
          [this, serial, id, why](const process_is& now) {
            if (now.info.phase != process_phase::held) // else it is still there
              drop_process(id);
            settle_run(serial, why);
          },
          [this, serial, why](const caf::error&) { settle_run(serial, why); });
}

caf::result<process_started>
container_actor_state::start(const start_process& msg) {
  if (auto refused = check_command(container_command::run_process))
    return std::move(*refused);
  return forward<process_started>(msg.process, bring_up{});
}

// One number is taken: the next one serves as well.
caf::result<output_chunk> container_actor_state::read(const read_output& msg) {
  auto query = msg;
  query.reader = std::min(query.reader, process_streams::forwarding_reader - 1);
  return forward<output_chunk>(msg.process, query);
}

// Answered when the record knows of it: the next daemon must not take the end
// for one that nobody asked for.
caf::result<process_is> container_actor_state::stop(const stop_process& msg) {
  auto found = processes_.find(msg.process);
  if (found == processes_.end())
    return unknown(msg.process);
  auto promise = actors::owe<process_is>(self_);
  self_->request(found->second.actor, caf::infinite, msg)
      .then(
          [this, promise](const process_is& done) {
            when_saved([promise, done]() mutable { promise.deliver(done); });
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
          });
  return promise;
}

// PID 1 would tell the next one of us of a process that the client knows to be
// gone. It is answered when PID 1 has done what it was told, and so refuses
// what comes behind that: a signal for nobody.
template <class Answer>
void container_actor_state::when_dismissed(
    actors::owed_answer<process_is> promise, const Answer& answer) {
  if (!kit_ || !kit_->holder)
    return promise.deliver(answer);
  auto is_gone = [this, n = generation_] { // with all that it knew
    return n != generation_ || !kit_ || kit_->holder_pid == 0;
  };
  self_
      ->request(kit_->holder, caf::infinite,
                actors::signal_holder_process{{0, 0, false}})
      .then([promise,
             answer](actors::holder_done) mutable { promise.deliver(answer); },
            [promise, answer, is_gone](const caf::error& err) mutable {
              if (actors::code_of(err) == errc::not_found || is_gone())
                promise.deliver(answer);
              else
                promise.deliver(err); // it may not have heard
            });
}

caf::result<process_is>
container_actor_state::remove(const remove_process& msg) {
  if (const auto* other = needed_by(msg.process))
    return make_error(errc::wrong_state, "process '" + msg.process
                                             + "' is needed by '" + *other
                                             + "': remove that first");
  auto promise = actors::owe<process_is>(self_);
  auto found = processes_.find(msg.process);
  if (found == processes_.end()) { // or is about to have gone
    when_dismissed(promise, unknown(msg.process));
    return promise;
  }
  self_->request(found->second.actor, caf::infinite, msg)
      .then(
          [this, promise, id = msg.process](const process_is& done) {
            drop_process(id);
            when_dismissed(promise, done);
          },
          [promise](caf::error& err) mutable {
            promise.deliver(std::move(err));
          });
  return promise;
}

container_actor_state::entry*
container_actor_state::find(std::uint32_t serial) {
  auto found = std::find_if(
      processes_.begin(), processes_.end(),
      [serial](const auto& item) { return item.second.serial == serial; });
  return found == processes_.end() ? nullptr : &found->second;
}

// In the order of start: as they were added, which for those that the spec
// declares is its order, but nobody before those that it needs.
std::vector<container_actor_state::entry*> container_actor_state::in_order() {
  std::vector<entry*> all;
  for (auto& [id, item] : processes_)
    all.push_back(&item);
  std::ranges::sort(all, {}, &entry::serial);
  std::vector<config::process_needs> needs;
  for (const auto* item : all)
    needs.push_back({item->info.process, item->after});
  auto order = config::start_order(needs);
  if (!order) // nobody was let in with needs that are not there
    return all;
  std::vector<entry*> out;
  for (auto i : *order)
    out.push_back(all[i]);
  return out;
}

caf::error container_actor_state::unknown(const std::string& process) const {
  return make_error(errc::not_found, "container '" + record_.spec.name
                                         + "' has no process "
                                         + config::in_quotes(process));
}

// Of a command that has made the process with this serial, or is about to.
caf::result<process_started>
container_actor_state::repeat(std::uint32_t serial) {
  if (auto waiting = runs_under_way_.find(serial);
      waiting != runs_under_way_.end()) {
    auto promise = actors::owe<process_started>(self_);
    waiting->second.push_back(promise);
    return promise;
  }
  auto* item = find(serial);
  if (item == nullptr)
    return make_error(errc::not_found,
                      "the process of this command was removed since");
  const auto& now = item->info;
  // By an earlier daemon, which did not come to its end.
  auto is_on_its_way = now.phase == process_phase::starting
                       || now.phase == process_phase::waiting
                       || now.phase == process_phase::backing_off;
  auto has_failed = now.has_ended && now.last.kind == exit_kind::start_failed;
  if (is_on_its_way && (!now.has_ended || has_failed))
    return forward<process_started>(now.process, bring_up{});
  if (has_failed && !is_live(now.phase))
    return make_error(errc::gone,
                      "process '" + now.process + "': " + to_string(now.last));
  return process_started{record_.spec.name, now.process, now.pid, now.ns_pid};
}

void container_actor_state::on(const end_process& event) {
  if (auto* item = find(serial_of(event.process)))
    self_->send(item->actor, event);
  else
    dismiss(event.process); // removed while the kernel still held it
}

void container_actor_state::on(const late_start& event) {
  if (auto* item = find(serial_of(event.report.process)))
    self_->send(item->actor, event);
  else if (event.report.error == 0)
    end_stray(event.report.process); // its `run` was answered with an error
  else
    acknowledge(event.report.process);
}

void container_actor_state::on(process_changed& event) {
  auto before = std::optional<process_info>{};
  auto* item = find(event.serial);
  if (item != nullptr) {
    before = std::exchange(item->info, event.change.info);
    item->run = event.change.run;
    item->output_awaited = event.change.output_awaited;
    item->turn = event.change.turn;
    auto phase = item->info.phase;
    item->is_expected = item->is_expected && !is_live(phase);
    item->stands_by = item->stands_by
                      && (phase == process_phase::starting
                          || phase == process_phase::running);
    note_end(*item);
    count_over(*item);
  }
  keep_ends(item, event.change.ended);
  if (!event.change.happened.empty() || live_processes() != told_live_)
    publish(std::move(event.change.happened));
  if (before)
    escalate(*item, *before);
  if (item != nullptr && event.change.fell)
    restart_with(*item);
  give_turns();
  check_auto_stop();
}

void container_actor_state::on(ready_process event) {
  if (auto* item = find(serial_of(event.process)))
    self_->send(item->actor, process_ready{event.process});
}

// PID 1 keeps an end until it is on the disk; that of a process that is not, as
// long as anybody can ask for it.
void container_actor_state::keep_ends(entry* item,
                                      const std::vector<std::uint64_t>& ended) {
  if (item == nullptr || is_declared(item->serial)) {
    for (auto process : ended)
      if (save_due_)
        to_acknowledge_.push_back(process);
      else
        acknowledge(process);
    return;
  }
  item->ends_kept.insert(item->ends_kept.end(), ended.begin(), ended.end());
  if (is_live(item->info.phase))
    for (auto process : std::exchange(item->ends_kept, {}))
      acknowledge(process);
}

// What is more than the affair of the process itself.
void container_actor_state::escalate(const entry& item,
                                     const process_info& before) {
  const auto& now = item.info;
  // Who was stopped to be started again with another is not counted: the other
  // is.
  auto stood_by = before.phase == process_phase::waiting && before.has_ended
                  && before.last.kind == exit_kind::stopped;
  for (auto i = before.restarts; i < now.restarts && !stood_by; ++i)
    apply(event_of::process_restarted{});
  if (now.phase != process_phase::gave_up || before.phase == now.phase)
    return;
  stop_with(item);
  apply(event_of::process_gave_up{words_for_end(now)});
}

std::string container_actor_state::words_for_end(const process_info& of) {
  return "process '" + of.process + "': " + to_string(of.last);
}

container_actor_state::entry& container_actor_state::add_process(
    const config::process_spec& spec, std::uint32_t serial, bool attached,
    std::vector<actors::shared_fd> stdio, std::uint64_t command) {
  user_process_options how;
  how.with = how_.with;
  how.container = record_.spec.name;
  how.container_id = record_.id;
  how.serial = serial;
  how.command = command;
  how.spec = spec;
  how.takes_turns = takes_turns(spec);
  if (auto caps = capabilities_of(record_.spec))
    how.capabilities = *caps;
  how.rlimits = rlimits_;
  how.attached = attached;
  how.stdio = std::move(stdio);
  how.oom = oom_witness_;
  auto me = caf::actor_cast<internal_container_actor>(self_);
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
  how.on_change = [weak, serial](process_change change) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                     process_changed{serial, std::move(change)});
  };
  entry item;
  item.serial = serial;
  item.significant = spec.significant;
  item.stop_grace = spec.stop_grace;
  item.restart = spec.restart;
  item.after = spec.after;
  item.after_timeout = spec.after_timeout;
  item.group = spec.group;
  item.info.container = record_.spec.name;
  item.info.process = spec.id;
  item.info.argv = spec.argv;
  item.info.restart = spec.restart.type;
  item.actor = spawn_user_process(self_->system(), std::move(how));
  self_->monitor(item.actor);
  return processes_.emplace(spec.id, std::move(item)).first->second;
}

// Unique for ever, also over a crash: the record always promises more than
// was given out, and is written once for many.
kernel::result<std::uint32_t> container_actor_state::new_serial() {
  if (next_serial_ >= record_.next_serial) {
    auto promised =
        std::exchange(record_.next_serial, next_serial_ + serials_at_once);
    if (auto ok = try_save(); !ok) {
      record_.next_serial = promised;
      return tl::make_unexpected(std::move(ok.error()));
    }
  }
  return next_serial_++;
}

void container_actor_state::add_declared() {
  for (std::size_t i = 0; i < record_.spec.processes.size(); ++i) {
    auto serial = record_.serials[i];
    auto ran = record_.commands.find(serial);
    auto command = ran == record_.commands.end() ? 0 : ran->second;
    add_process(record_.spec.processes[i], serial, false, {}, command);
    commands_.remember(command, serial);
  }
}

bool container_actor_state::is_declared(std::uint32_t serial) const {
  return std::find(record_.serials.begin(), record_.serials.end(), serial)
         != record_.serials.end();
}

// By hand: what the container declares. After a death of PID 1: what would
// have been restarted had it died alone.
bool container_actor_state::wanted_now(const entry& item) const {
  if (state_.anew)
    return is_declared(item.serial);
  // After an adoption: it ran, or waited for its next start.
  auto last = item.info.has_ended ? item.info.last : exit_reason::lost();
  return wants_restart(item.restart, last);
}

void container_actor_state::restore_ends() {
  for (auto& [id, item] : processes_)
    if (auto found = record_.ended.find(item.serial);
        found != record_.ended.end())
      restore_end(item, found->second);
}

void container_actor_state::restore_end(entry& item, const recorded_end& end) {
  const auto& how = end.reason;
  item.info.has_ended = true;
  item.info.last = how;
  item.run = end.run == recorded_end::any_run ? 0 : end.run;
  item.info.phase = how.kind == exit_kind::gave_up ? process_phase::gave_up
                                                   : process_phase::exited;
  self_->send(item.actor, supervisor::restore_end{how, item.run});
}

// Declared processes only, and only when one is over for good or begins
// again: restarts write nothing.
void container_actor_state::note_end(const entry& item) {
  if (unrecorded_ || !is_declared(item.serial))
    return;
  auto known = record_.ended.find(item.serial);
  if (is_live(item.info.phase)) {
    if (known == record_.ended.end())
      return;
    record_.ended.erase(known);
  } else {
    auto end = recorded_end{item.info.last, item.run};
    if (!item.info.has_ended
        || (known != record_.ended.end() && known->second == end))
      return;
    record_.ended[item.serial] = std::move(end);
  }
  save_soon();
}

// A crash before the end is recorded must not lose it: PID 1 remembers it until
// it hears that we do.
void container_actor_state::acknowledge(std::uint64_t process) {
  if (kit_ && kit_->holder)
    caf::anon_send(kit_->holder, actors::acknowledge_end{process});
}

// Nobody wants to know of it any more: PID 1 may forget it.
void container_actor_state::dismiss(std::uint64_t process) {
  acknowledge(process);
  if (kit_ && kit_->holder)
    self_->send(kit_->holder, actors::release_streams{{process, 0xff}});
}

// It runs, and no actor stands for it.
void container_actor_state::end_stray(std::uint64_t process) {
  if (kit_ && kit_->holder)
    self_
        ->request(kit_->holder, caf::infinite,
                  actors::signal_holder_process{{process, SIGKILL, true}})
        .then([](actors::holder_done) {}, [](const caf::error&) {});
}

// Each that has ended costs an actor, its log files and a name. Whoever wants
// to keep one declares it, or asks in time.
void container_actor_state::count_over(const entry& item) {
  auto is_over = item.info.phase == process_phase::exited
                 || item.info.phase == process_phase::gave_up;
  if (!is_over || is_declared(item.serial)
      || std::find(over_.begin(), over_.end(), item.serial) != over_.end())
    return;
  over_.push_back(item.serial);
  if (over_.size() <= kept_when_over)
    return;
  auto* oldest = find(over_.front());
  over_.pop_front();
  if (oldest == nullptr)
    return;
  if (needed_by(oldest->info.process) != nullptr)
    return over_.push_back(oldest->serial);
  // Refused if it was started again meanwhile.
  auto id = oldest->info.process;
  self_
      ->request(oldest->actor, caf::infinite,
                remove_process{record_.spec.name, id})
      .then(
          [this, id, serial = oldest->serial](const process_is&) {
            if (auto found = processes_.find(id);
                found != processes_.end() && found->second.serial == serial)
              drop_process(id);
          },
          [](const caf::error&) {});
}

void container_actor_state::drop_process(const std::string& id) {
  auto found = processes_.find(id);
  if (found == processes_.end())
    return;
  auto serial = found->second.serial;
  for (auto process : found->second.ends_kept)
    dismiss(process);
  self_->send_exit(found->second.actor, caf::exit_reason::user_shutdown);
  processes_.erase(found);
  auto& kept = record_.serials;
  auto where = std::find(kept.begin(), kept.end(), serial);
  if (where == kept.end())
    return;
  record_.spec.processes.erase(record_.spec.processes.begin()
                               + (where - kept.begin()));
  kept.erase(where);
  record_.ended.erase(serial);
  record_.commands.erase(serial);
  save();
}

void container_actor_state::check_auto_stop() {
  if (state_.phase != container_phase::running)
    return;
  std::vector<process_standing> standing;
  for (const auto& [id, item] : processes_) {
    // It will be told when the last of its output has been read.
    if (item.significant && !is_live(item.info.phase) && item.output_awaited)
      return;
    standing.push_back(
        {item.significant ? significance::significant : significance::ordinary,
         item.info.phase, item.info.last.kind});
  }
  if (!should_stop(rule_of(record_.spec.auto_stop), standing))
    return;
  want(wish::down);
  apply(event_of::command_given{container_command::stop});
}

} // namespace reeve::supervisor
