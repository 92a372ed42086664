// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/process_lifecycle.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace reeve::supervisor {

namespace {

using namespace process_event;
using namespace process_effect;
using phase = process_phase;
using std::chrono::milliseconds;

/// One step under way: one overload per event, one case per phase.
class stepper {
public:
  stepper(process_state state, moment at) : at_{at} {
    out_.next = std::move(state);
  }

  void on(const start_requested& event) {
    switch (s().phase) {
    case phase::created:
    case phase::exited:
    case phase::gave_up:
      // Asked for by a container that did not know yet how it had ended.
      if (event.cause == start_cause::rebuild && !comes_back())
        return refuse(process_refusal::request::start);
      [[fallthrough]];
    case phase::backing_off:
      if (event.cause == start_cause::by_hand)
        s().restarts.reset();
      spawn_next();
      return limit_wait(event.cause);
    case phase::waiting:
      if (event.cause == start_cause::by_hand)
        s().restarts.reset();
      return limit_wait(event.cause);
    case phase::starting:
    case phase::running:
      return; // what was asked for is so
    case phase::stopping:
    case phase::held:
    case phase::removed:
      return refuse(process_refusal::request::start);
    }
  }

  void on(const started& event) {
    if (event.run != s().run)
      return kill_stray(event.run);
    switch (s().phase) {
    case phase::starting:
      if (s().overdue)
        return; // killed; its end is on the way
      s().phase = phase::running;
      return await_ready(at_.now);
    case phase::stopping:
      // The stop came while the spawn was on its way: first rung now.
      return signal_current_rung();
    case phase::running:
      return;
    case phase::created:
    case phase::backing_off:
    case phase::waiting:
    case phase::exited:
    case phase::gave_up:
    case phase::held:
    case phase::removed:
      // Its start was given up for late. Nobody would ever stop it.
      return kill_stray(event.run);
    }
  }

  void on(const start_timed_out& event) {
    if (event.run != s().run || s().phase != phase::starting || s().overdue)
      return;
    s().overdue = true;
    kill_stray(event.run);
    if (!s().suspended) // else it can only die when it is thawed
      arm(timer_use::kill, kill_deadline);
  }

  void on(const ended& event) {
    if (event.run == s().run)
      end(event.reason);
  }

  void on(const stop_requested& event) {
    switch (s().phase) {
    case phase::starting:
    case phase::running:
      return begin_stop(event);
    case phase::stopping:
      s().stands_by = false;
      if (!s().kill_sent && at_.now + event.grace < s().stop_deadline)
        arm_grace(event.grace);
      return;
    case phase::backing_off:
    case phase::waiting:
      return settle(exit_reason::stopped(s().last));
    case phase::exited:
      // A rebuild of the container must not start it again.
      if (wants_restart(s().restarts.policy(), s().last))
        settle(exit_reason::stopped(s().last));
      return;
    case phase::held:
      s().overdue = false; // its end will be that of a stop
      return;
    case phase::created:
    case phase::gave_up:
    case phase::removed:
      return;
    }
  }

  void on(const stand_by_requested& event) {
    if (s().phase != phase::starting && s().phase != phase::running)
      return; // else it is down already, or to stay down
    begin_stop({event.signal, event.grace});
    s().stands_by = true;
  }

  void on(const turn_came& event) {
    if (s().phase != phase::waiting || event.turn != s().turn)
      return;
    if (s().suspended)
      s().is_due = true;
    else
      begin_run();
  }

  void on(const turn_refused& event) {
    if (s().phase == phase::waiting && event.turn == s().turn)
      end_unasked(exit_reason::start_failed(start_step::needs, ECANCELED));
  }

  void on(const became_ready& event) {
    if (event.run != s().run || s().phase != phase::running || s().ready
        || s().overdue)
      return;
    set_ready(at_.now);
    emit(report_ready{});
  }

  void on(const timer_fired& event) {
    if (event.timer != s().timer)
      return;
    switch (s().phase) {
    case phase::backing_off:
      return spawn_next();
    case phase::waiting:
      return end_unasked(
          exit_reason::start_failed(start_step::needs, ETIMEDOUT));
    case phase::stopping:
      if (!s().kill_sent)
        return send_kill();
      return hold();
    case phase::starting:
      if (s().overdue)
        hold();
      return;
    case phase::running:
      return miss_ready();
    case phase::created:
    case phase::exited:
    case phase::gave_up:
    case phase::held:
    case phase::removed:
      return;
    }
  }

  void on(const holder_lost&) {
    switch (s().phase) {
    case phase::starting:
    case phase::running:
      // Whether it comes back is for the container to say, after its rebuild.
      return settle(exit_reason::lost());
    case phase::stopping:
      return settle(exit_reason::stopped(exit_reason::lost()));
    case phase::held:
      return settle(s().overdue ? exit_reason::lost()
                                : exit_reason::stopped(exit_reason::lost()));
    case phase::waiting:
      if (s().last.kind == exit_kind::stopped) // it stood by
        return settle(exit_reason::lost());
      [[fallthrough]];
    case phase::backing_off:
      s().phase = phase::exited;
      s().is_due = false;
      return;
    case phase::created:
    case phase::exited:
    case phase::gave_up:
    case phase::removed:
      return;
    }
  }

  void on(const suspended&) {
    s().suspended = s().phase != phase::removed;
  }

  void on(const resumed&) {
    s().suspended = false;
    if (s().phase == phase::backing_off && s().is_due)
      spawn_next();
    else if (s().phase == phase::waiting && s().is_due)
      begin_run();
    else if (s().phase != phase::starting && s().phase != phase::running)
      return;
    else if (s().overdue)
      arm(timer_use::kill, kill_deadline);
    else if (s().phase == phase::running && !s().ready)
      arm(timer_use::ready, *s().rules.ready_timeout);
  }

  void on(const found_starting& event) {
    switch (s().phase) {
    case phase::created:
    case phase::backing_off:
    case phase::waiting:
    case phase::exited: // by the record, before its container was built again
    case phase::gave_up:
      s().phase = phase::starting;
      s().run = std::max(s().run, event.run);
      return;
    case phase::starting:
    case phase::running:
    case phase::stopping:
    case phase::held:
    case phase::removed:
      return;
    }
  }

  void on(const found_running& event) {
    switch (s().phase) {
    case phase::created:
    case phase::starting:
    case phase::running:
    case phase::backing_off:
    case phase::waiting:
    case phase::exited:
    case phase::gave_up:
      s().phase = phase::running;
      s().run = std::max(s().run, event.run);
      if (event.ready)
        return set_ready(event.since);
      return await_ready(event.since);
    case phase::stopping:
      return signal_current_rung();
    case phase::held:
      return;
    case phase::removed:
      return kill_stray(event.run);
    }
  }

  void on(const found_ended& event) {
    if (event.run < s().run)
      return;
    s().run = event.run;
    if (s().phase == phase::created) {
      s().phase = event.stood_by ? phase::stopping : phase::running;
      s().stands_by = event.stood_by;
    }
    end(event.reason);
  }

  void on(const remove_requested&) {
    switch (s().phase) {
    case phase::created:
    case phase::exited:
    case phase::gave_up:
    case phase::held:
      s().phase = phase::removed;
      return emit(forget{});
    case phase::starting:
    case phase::running:
    case phase::stopping:
    case phase::backing_off:
    case phase::waiting:
      return refuse(process_refusal::request::remove);
    case phase::removed:
      return;
    }
  }

  process_transition take() {
    return std::move(out_);
  }

private:
  process_state& s() {
    return out_.next;
  }

  void emit(process_effect::any effect) {
    out_.effects.push_back(effect);
  }

  void refuse(process_refusal::request asked) {
    out_.refused = {asked, s().phase};
  }

  void arm(timer_use use, milliseconds delay) {
    emit(arm_timer{++s().timer, use, delay});
  }

  [[nodiscard]] bool comes_back() {
    const auto& policy = s().restarts.policy();
    return s().phase == phase::created ? may_come_back(policy)
                                       : wants_restart(policy, s().last);
  }

  void spawn_next() {
    s().is_due = s().suspended;
    s().overdue = s().ready = false;
    if (s().suspended) {
      s().phase = phase::backing_off;
    } else if (s().rules.takes_turns) {
      s().phase = phase::waiting;
      ++s().turn;
      ++s().timer; // what was armed before does not count
    } else {
      begin_run();
    }
  }

  void begin_run() {
    if (s().phase == phase::waiting)
      ++s().timer; // it waits no longer
    s().phase = phase::starting;
    s().is_due = false;
    emit(spawn{++s().run});
  }

  void limit_wait(start_cause cause) {
    if (s().phase == phase::waiting && cause == start_cause::by_hand
        && s().rules.turn_timeout)
      arm(timer_use::turn, *s().rules.turn_timeout);
  }

  void await_ready(time_point since) {
    if (!s().rules.ready_timeout)
      return set_ready(since);
    if (!s().ready && !s().suspended) // else when it resumes
      arm(timer_use::ready, *s().rules.ready_timeout);
  }

  void set_ready(time_point since) {
    s().ready = true;
    if (s().rules.ready_timeout)
      ++s().timer; // it waits no longer
    s().restarts.on_started(since);
  }

  void miss_ready() {
    if (s().ready || s().suspended)
      return;
    if (s().overdue)
      return hold();
    s().overdue = true;
    kill_stray(s().run);
    arm(timer_use::kill, kill_deadline);
  }

  void hold() {
    s().phase = phase::held;
    s().stands_by = false;
    emit(report_held{});
  }

  void kill_stray(std::uint64_t run) {
    emit(send_signal{run, SIGKILL, target::group});
  }

  /// Ended for good with this reason.
  void settle(const exit_reason& reason) {
    s().phase =
        reason.kind == exit_kind::gave_up ? phase::gave_up : phase::exited;
    s().last = reason;
    s().is_due = s().overdue = s().ready = false;
    emit(report_exit{reason});
  }

  void end(const exit_reason& reason) {
    // It was we who killed it, for want of an answer.
    if (std::exchange(s().overdue, false)) {
      auto step =
          s().phase == phase::running ? start_step::ready : start_step::order;
      return end_unasked(reason.kind == exit_kind::start_failed
                             ? reason
                             : exit_reason::start_failed(step, ETIMEDOUT));
    }
    switch (s().phase) {
    case phase::starting:
    case phase::running:
      return end_unasked(reason);
    case phase::stopping:
      if (std::exchange(s().stands_by, false)) {
        s().last = exit_reason::stopped(reason);
        emit(report_exit{s().last});
        return spawn_next();
      }
      [[fallthrough]];
    case phase::held:
      return settle(exit_reason::stopped(reason));
    case phase::created:
    case phase::backing_off:
    case phase::waiting:
    case phase::exited:
    case phase::gave_up:
    case phase::removed:
      return; // a repeated report
    }
  }

  void end_unasked(const exit_reason& reason) {
    auto decision = s().restarts.on_exit(reason, at_);
    switch (decision.action) {
    case restart_action::do_not_restart:
      return settle(reason);
    case restart_action::give_up:
      return settle(exit_reason::gave_up(reason));
    case restart_action::restart:
      s().last = reason;
      s().ready = false;
      emit(report_exit{reason});
      if (decision.delay == milliseconds::zero())
        return spawn_next();
      s().phase = phase::backing_off;
      return arm(timer_use::backoff, decision.delay);
    }
  }

  void begin_stop(const stop_requested& event) {
    auto spawned = s().phase == phase::running;
    s().phase = phase::stopping;
    s().overdue = s().ready = s().stands_by = false;
    s().kill_sent = false;
    s().stop_signal = event.signal;
    if (event.grace <= milliseconds::zero())
      return send_kill();
    if (spawned)
      signal_current_rung();
    arm_grace(event.grace);
  }

  void arm_grace(milliseconds grace) {
    if (grace <= milliseconds::zero())
      return send_kill();
    s().stop_deadline = at_.now + grace;
    arm(timer_use::grace, grace);
  }

  void send_kill() {
    s().kill_sent = true;
    signal_current_rung();
    arm(timer_use::kill, kill_deadline);
  }

  void signal_current_rung() {
    if (s().kill_sent)
      emit(send_signal{s().run, SIGKILL, target::group});
    else
      emit(send_signal{s().run, s().stop_signal, target::process});
  }

  moment at_;
  process_transition out_;
};

std::string_view way_out(process_refusal::request asked, phase of) {
  switch (of) {
  case phase::starting:
  case phase::running:
  case phase::backing_off:
  case phase::waiting:
    return "stop it first";
  case phase::stopping:
    return "wait until it has stopped";
  case phase::held:
    return "the kernel does not let go of it; remove it and use another name";
  case phase::removed:
    return "create it again";
  case phase::exited:
  case phase::gave_up:
    return asked == process_refusal::request::start
               ? "its restart policy does not bring it back"
               : "start it first";
  case phase::created:
    return "start it first";
  }
  return "";
}

} // namespace

std::string_view name_of(process_phase of) {
  switch (of) {
  case phase::created:
    return "created";
  case phase::starting:
    return "starting";
  case phase::running:
    return "running";
  case phase::stopping:
    return "stopping";
  case phase::backing_off:
    return "backing_off";
  case phase::exited:
    return "exited";
  case phase::gave_up:
    return "gave_up";
  case phase::held:
    return "held";
  case phase::removed:
    return "removed";
  case phase::waiting:
    return "waiting";
  }
  return "unknown";
}

bool is_live(process_phase of) {
  switch (of) {
  case phase::starting:
  case phase::running:
  case phase::stopping:
  case phase::backing_off:
  case phase::waiting:
    return true;
  case phase::created:
  case phase::exited:
  case phase::gave_up:
  case phase::held:
  case phase::removed:
    return false;
  }
  return false;
}

std::string explain(const process_refusal& refusal, std::string_view process) {
  auto text = "process '" + std::string{process} + "' is ";
  text += name_of(refusal.phase);
  text += ": ";
  text += way_out(refusal.asked, refusal.phase);
  return text;
}

process_transition step(process_state state, const process_event::any& event,
                        moment at) {
  auto next = stepper{std::move(state), at};
  std::visit([&](const auto& e) { next.on(e); }, event);
  return next.take();
}

} // namespace reeve::supervisor
