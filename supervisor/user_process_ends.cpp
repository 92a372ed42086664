// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// How a process ended, also under another daemon, and who knows of it.

#include "supervisor/user_process_state.hpp"

#include <algorithm>

namespace reeve::supervisor {

using clock = std::chrono::steady_clock;

void process_actor_state::end(const end_process& msg) {
  if (is_probe(msg.process))
    return end_probe(msg);
  remember_end(msg.process);
  if (run_of(msg.process) == state_.run) {
    auto reason = explained(msg.end);
    finish_run(msg.process);
    apply(process_event::ended{run_of(msg.process), reason});
  } else {
    if (std::ranges::count(untaken_, msg.process) == 0)
      release(msg.process, 0xff); // a stray: the streams are its successor's
  }
  tell_ends();
}

// Nothing is to be decided any more, so no event of the machine fits.
void process_actor_state::restore(const restore_end& msg) {
  state_.phase = msg.reason.kind == exit_kind::gave_up ? process_phase::gave_up
                                                       : process_phase::exited;
  state_.run = std::max(state_.run, msg.run);
  state_.last = msg.reason;
  info_.has_ended = true;
  info_.last = msg.reason;
  has_ended_ = true;
  changed();
  forward_outputs();
}

process_is process_actor_state::adopt(const adopt_process& msg) {
  const auto& known = msg.known.state;
  command_ = msg.notes.command;
  info_.restarts = msg.notes.restarts;
  state_.restarts = restart_tracker{how_.spec.restart, msg.notes.tracker};
  for (const auto& older : msg.before) {
    superseded_.push_back(older.state.process);
    if (!untaken_.empty() || !take_rest_of(older))
      untaken_.push_back(older.state.process);
  }
  ask_for_missing();
  auto run = run_of(known.process);
  if (known.ended) {
    reconnect(msg.known.handles);
    finish_run(known.process);
    remember_end(known.process);
    state_.run = std::max(state_.run, run);
    if (!is_final(state_.phase)) { // else only its output was not all read
      event_time_ = known.end.ended_at_ns / 1'000'000;
      apply(process_event::found_ended{run, reason_of_end(known),
                                       msg.notes.stands_by},
            {steady(known.end.ended_at_ns), this_moment().random});
      event_time_ = 0;
    }
    tell_ends();
    return get();
  }
  if (known.starting) {
    if (!untaken_.empty())
      reconnect(msg.known.handles);
    apply(process_event::found_starting{run});
    self_->delayed_send(self_, how_.with->config.deadlines.start,
                        start_deadline{run});
    return get();
  }
  apply(process_event::found_running{run, steady(known.started_at_ns),
                                     known.ready || msg.notes.ready});
  info_.since_ms = known.started_at_ns / 1'000'000;
  take_handles(msg.known.handles);
  watch_readiness();
  changed();
  return get();
}

exit_reason process_actor_state::reason_of_end(
    const kernel::holder::process_state_report& of) {
  if (of.failed_code != 0)
    return exit_reason::start_failed(step_of(of.failed_step), of.failed_code);
  return explained(of.end);
}

exit_reason
process_actor_state::explained(const kernel::holder::end_of_process& end) {
  auto reason = reason_of(end);
  if (!cgroup_)
    return reason;
  return how_.oom->explain(reason, info_.pid, *cgroup_, end.max_rss_kib * 1024);
}

// The holder repeats a report that is not acknowledged.
void process_actor_state::remember_end(std::uint64_t process) {
  if (std::ranges::find(ended_, process) == ended_.end())
    ended_.push_back(process);
}

// Until its successor runs PID 1 is the only one that would know that there
// is to be one, if this daemon died.
bool process_actor_state::may_tell_ends() const {
  return state_.phase != process_phase::backing_off
         && state_.phase != process_phase::starting
         && state_.phase != process_phase::waiting;
}

void process_actor_state::tell_ends() {
  if (!ended_.empty() && may_tell_ends()) // nothing has told of them yet
    changed();
}

time_point process_actor_state::steady(std::int64_t realtime_ns) {
  auto ago = std::chrono::system_clock::now().time_since_epoch()
             - std::chrono::nanoseconds{realtime_ns};
  return clock::now() - std::max(ago, decltype(ago)::zero());
}

} // namespace reeve::supervisor
