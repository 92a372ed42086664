// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// From the order to PID 1 to a process that runs, or does not.

#include "config/text.hpp"
#include "kernel-iface/cgroup_rlimits.hpp"
#include "kernel-iface/process_identity.hpp"
#include "supervisor/user_process_state.hpp"

#include <spdlog/logger.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;

namespace {

// Between two tries to get what did not come with a start or an adoption.
constexpr auto description_interval = 1s;

} // namespace

void process_actor_state::on(const late_start& event) {
  if (is_probe(event.report.process)) {
    if (event.report.error == 0)
      kill_probe(event.report.process);
    else if (holder_)
      caf::anon_send(holder_, actors::acknowledge_end{event.report.process});
    return;
  }
  on_spawned(run_of(event.report.process), event.report);
}

void process_actor_state::on(start_impossible event) {
  on_start_failed(event.run, start_step::order, ESRCH);
}

void process_actor_state::on(start_deadline event) {
  apply(process_event::start_timed_out{event.run});
}

void process_actor_state::carry_out(const process_effect::spawn& effect) {
  if (state_.run > 1 && starters_.empty())
    ++info_.restarts; // what somebody asked for is no restart
  if (!holder_) {
    // Asked for while the container has no PID 1.
    start_failed_ =
        make_error(errc::wrong_state, "container '" + how_.container
                                          + "' is not running: start it first");
    self_->send(self_, start_impossible{effect.run});
    return;
  }
  keep_for_later();
  actors::spawn_process msg;
  msg.order = make_spawn_order(holder_number(how_.serial, effect.run),
                               how_.spec, notes(), bounds());
  ordered_rlimits_ = how_.rlimits;
  if (!how_.stdio.empty()) {
    msg.order.stdio = kernel::holder::stdio_mode::passed;
    msg.passed = how_.stdio;
  }
  self_->request(holder_, caf::infinite, std::move(msg))
      .then([this, run = effect.run](
                const actors::process_spawned& done) { on_spawned(run, done); },
            [this, run = effect.run](caf::error& err) {
              if (actors::code_of(err) == errc::failed)
                return self_->quit(err); // whether it runs, PID 1 knows
              auto late = actors::code_of(err) == errc::timed_out;
              start_failed_ = std::move(err);
              if (late)
                on_start_overdue(run);
              else
                on_start_failed(run, start_step::order, EIO);
            });
}

void process_actor_state::on_spawned(std::uint64_t run,
                                     const actors::process_spawned& done) {
  if (done.error != 0) {
    remember_failure(done);
    give_up_start(run); // first: what it tells is not that of the end
    keep_failure(done);
    on_start_failed(run, step_of(done.failed_step), done.error);
    tell_ends();
    return;
  }
  auto expected = run == state_.run && !state_.overdue
                  && (state_.phase == process_phase::starting
                      || state_.phase == process_phase::stopping);
  if (!expected) { // too late: whatever it is, it is not to run
    apply(process_event::started{run});
    return;
  }
  has_ended_ = false;
  take_handles(done);
  set_oom_score();
  give_rlimits(done.pidfd);
  note(event_kind::process_started,
       info_.pid != 0 ? "pid " + std::to_string(info_.pid) : std::string{});
  apply(process_event::started{run});
  answer_starters();
  watch_readiness();
}

// A start that is somebody's wish fails loudly, and a policy that would try
// again must not hide it. One after a rebuild or an adoption is a restart
// like any other.
void process_actor_state::on_start_failed(std::uint64_t run, start_step where,
                                          int code) {
  give_up_start(run);
  apply(process_event::ended{run, exit_reason::start_failed(where, code)});
}

// As with any other start that fails.
void process_actor_state::refuse_turn(const caf::error& why) {
  auto late = actors::code_of(why) == errc::timed_out;
  start_failed_ = why;
  if (!starters_.empty() && is_wish_)
    apply(process_event::stop_requested{SIGKILL, 0ms});
  else if (late)
    apply(process_event::timer_fired{state_.timer});
  else
    apply(process_event::turn_refused{state_.turn});
}

// It may still come up: until its end is known there is no other start.
void process_actor_state::on_start_overdue(std::uint64_t run) {
  give_up_start(run);
  fail_starters();
  apply(process_event::start_timed_out{run});
}

void process_actor_state::give_up_start(std::uint64_t run) {
  if (starters_.empty() || run != state_.run
      || state_.phase != process_phase::starting)
    return;
  if (is_wish_)
    apply(process_event::stop_requested{SIGKILL, 0ms});
  else
    fail_starters();
}

void process_actor_state::remember_failure(
    const actors::process_spawned& done) {
  auto code = errc::refused_by_kernel;
  if (done.failed_step == kernel::holder::spawn_step::execute)
    code = done.error == ENOENT || done.error == ENOTDIR
               ? errc::program_not_found
               : errc::program_not_executable;
  if (done.failed_step == kernel::holder::spawn_step::resolve_user)
    code = errc::invalid_argument;
  auto no_pid = done.failed_step == kernel::holder::spawn_step::fork
                && done.error == EAGAIN;
  if (no_pid)
    code = errc::exhausted;
  start_failed_ = make_error(
      code, to_string(kernel::sys_error{done.error, words_for(done.failed_step),
                                        config::showable(done.failed_subject),
                                        no_pid ? actors::no_pid_hint : ""}));
}

void process_actor_state::take_handles(const actors::process_spawned& handles) {
  info_.ns_pid = handles.ns_pid;
  info_.pid = 0;
  take_pid(handles.pidfd);
  reconnect(handles);
}

void process_actor_state::take_pid(const actors::shared_fd& pidfd) {
  pidfd_ = pidfd;
  for (auto tries = 3; pidfd_ && tries > 0; --tries)
    find_pid();
}

// It has one for sure: what keeps us from seeing it may pass.
void process_actor_state::find_pid() {
  auto pid = kernel::pid_of(pidfd_->get());
  if (!pid)
    return;
  info_.pid = pid->value_or(0);
  pidfd_ = nullptr;
}

bool process_actor_state::lacks_handles() const {
  return !untaken_.empty() || streams_->lacks_some() || lacks_pid();
}

bool process_actor_state::lacks_pid() const {
  return state_.phase == process_phase::running && info_.pid == 0 && !pidfd_;
}

// Descriptors or memory were short, here or in PID 1. Nothing is lost: it
// keeps what it has for us, and writers wait.
void process_actor_state::ask_for_missing() {
  if (!lacks_handles() || std::exchange(asks_, true))
    return;
  how_.with->log->warn("process '{}' of container '{}': not all that PID 1 has "
                       "of it could be taken over, which is tried again every "
                       "second",
                       how_.spec.id, how_.container);
  ask_later();
}

void process_actor_state::ask_later() {
  self_->delayed_send(self_, description_interval, description_due{});
}

// One after the other, as they were written.
void process_actor_state::on(description_due) {
  asks_ = holder_ && lacks_handles();
  if (!asks_)
    return;
  auto process = untaken_.empty() ? streams_->run() : untaken_.front();
  auto is_over = [this, asked = holder_] {
    if (holder_ == asked && state_.phase != process_phase::removed)
      return false;
    asks_ = false; // whoever has come meanwhile is asked anew
    ask_for_missing();
    return true;
  };
  self_->request(holder_, caf::infinite, actors::describe_process{{process}})
      .then(
          [this, is_over](const actors::known_process& known) {
            if (!is_over())
              on_described(known);
          },
          [this, is_over, process](const caf::error& err) {
            if (is_over())
              return;
            if (actors::code_of(err) == errc::not_found)
              on_unknown(process);
            else
              ask_later();
          });
}

void process_actor_state::on_described(const actors::known_process& known) {
  auto process = known.state.process;
  if (!untaken_.empty()) {
    if (process != untaken_.front() || !take_rest_of(known))
      return ask_later();
    untaken_.erase(untaken_.begin());
    serve_readers(false);
    return on(description_due{});
  }
  // Else what we lack is of a later run by now.
  if (process == streams_->run() && !known.handles.is_bare)
    take_missing(known);
  asks_ = lacks_handles();
  if (asks_)
    ask_later();
}

void process_actor_state::take_missing(const actors::known_process& known) {
  if (lacks_pid() && known.handles.pidfd) {
    take_pid(known.handles.pidfd);
    set_oom_score();
  }
  if (streams_->lacks_some())
    reconnect(known.handles);
  if (has_ended_) {
    streams_->abandon_input();
    await_strays();
  }
  changed();
}

// There is nothing to come of it any more.
void process_actor_state::on_unknown(std::uint64_t process) {
  if (std::erase(untaken_, process) > 0)
    return on(description_due{});
  asks_ = false;
  streams_->forgo_rest();
  serve_readers(false);
  if (has_ended_)
    await_strays();
}

// From outside: the child itself may not even raise its own score, since its
// files in /proc belong to host root until it has executed.
void process_actor_state::set_oom_score() {
  if (!how_.spec.oom_score_adj || info_.pid == 0)
    return;
  auto path = "/proc/" + std::to_string(info_.pid) + "/oom_score_adj";
  auto text = std::to_string(*how_.spec.oom_score_adj);
  auto fd =
      kernel::unique_fd::adopt(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0)
    how_.with->log->warn("process '{}' of container '{}': cannot set its "
                         "oom score to {}: errno {}",
                         how_.spec.id, how_.container, text, errno);
}

// Of its container, if they were set after the start was ordered.
void process_actor_state::give_rlimits(const actors::shared_fd& pidfd) {
  if (ordered_rlimits_ == how_.rlimits || !pidfd || info_.pid == 0)
    return;
  auto none = config::rlimit_list{};
  auto ordered =
      rlimits_of(how_.spec, ordered_rlimits_ ? *ordered_rlimits_ : none);
  std::vector<kernel::rlimit_change> all;
  for (const auto& now : rlimits_of(how_.spec, bounds().rlimits)) {
    rlimit before{}; // unknown
    for (const auto& entry : ordered)
      if (entry.resource == now.resource)
        before = {entry.soft, entry.hard};
    if (before.rlim_cur != now.soft || before.rlim_max != now.hard)
      all.push_back(
          {static_cast<int>(now.resource), {now.soft, now.hard}, before});
  }
  if (auto ok = kernel::give_rlimits(info_.pid, pidfd->get(), all); !ok)
    how_.with->log->warn("process '{}' of container '{}': {}", how_.spec.id,
                         how_.container, to_string(ok.error()));
}

void process_actor_state::answer_starters() {
  for (auto& promise : std::exchange(starters_, {}))
    promise.deliver(
        process_started{how_.container, how_.spec.id, info_.pid, info_.ns_pid});
}

void process_actor_state::fail_starters() {
  if (starters_.empty())
    return;
  auto err = start_failed_
                 ? start_failed_
                 : make_error(errc::gone, "process '" + how_.spec.id
                                              + "': " + to_string(state_.last));
  for (auto& promise : std::exchange(starters_, {}))
    promise.deliver(err);
}

// PID 1 keeps a start that failed as it does an end: the next daemon is to
// count it, too. With its notes it knows what came before.
void process_actor_state::keep_failure(const actors::process_spawned& done) {
  if (!done.is_kept)
    return;
  superseded_.insert(superseded_.end(), ended_.begin(), ended_.end());
  ended_.clear();
  remember_end(done.process);
}

} // namespace reeve::supervisor
