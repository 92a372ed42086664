// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/user_process.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "config/names.hpp"
#include "config/text.hpp"
#include "config/units.hpp"
#include "kernel-iface/listening_port.hpp"
#include "kernel-iface/process_identity.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/output_forwarder.hpp"
#include "supervisor/process_streams.hpp"
#include "supervisor/spawn_order.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace reeve::supervisor {

namespace {

struct process_timer {
  std::uint64_t timer = 0;
};

struct output_news {};
struct output_retry {};

struct output_not_forwarded {
  std::uint64_t bytes = 0;
};
struct input_writable {};
struct poll_expired {};
struct streams_over {};

struct start_impossible {
  std::uint64_t run = 0;
};

struct start_deadline {
  std::uint64_t run = 0;
};

struct look_whether_ready {
  std::uint64_t run = 0;
};

struct probe_deadline {
  std::uint64_t probe = 0;
};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::process_timer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_not_forwarded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::input_writable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::poll_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::streams_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::start_impossible)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::start_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::look_whether_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::probe_deadline)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

using internal_actor = user_process_actor::extend<
    caf::reacts_to<process_timer>, caf::reacts_to<output_news>,
    caf::reacts_to<output_retry>, caf::reacts_to<output_not_forwarded>,
    caf::reacts_to<input_writable>, caf::reacts_to<poll_expired>,
    caf::reacts_to<streams_over>, caf::reacts_to<start_impossible>,
    caf::reacts_to<start_deadline>, caf::reacts_to<look_whether_ready>,
    caf::reacts_to<probe_deadline>>;

// Streams of an ended process that some stray keeps open count as ended.
constexpr auto stray_grace = 500ms;

constexpr auto longest_wait = 60s;

// A command that asks a process whether it is ready is ended then, and has said
// no.
constexpr auto longest_probe = 5s;

// Between two tries to find room for output.
constexpr auto room_interval = 500ms;

// So often at most output that is dropped all the time is told of.
constexpr auto told_interval = 1s;

bool is_final(process_phase phase) {
  return phase == process_phase::exited || phase == process_phase::gave_up
         || phase == process_phase::held || phase == process_phase::removed;
}

class process_actor_state {
public:
  static constexpr const char* name = "user_process";

  using self_pointer = internal_actor::pointer;

  void init(self_pointer self, user_process_options how) {
    self_ = self;
    how_ = std::move(how);
    state_.restarts = restart_tracker{how_.spec.restart};
    state_.rules.takes_turns = how_.takes_turns;
    if (!how_.spec.after.empty())
      state_.rules.turn_timeout = how_.spec.after_timeout;
    if (how_.spec.ready)
      state_.rules.ready_timeout = how_.spec.ready->timeout;
    next_probe_ = static_cast<std::uint64_t>(kernel::unix_ms());
    command_ = how_.command;
    info_.container = how_.container;
    info_.process = how_.spec.id;
    info_.restart = how_.spec.restart.type;
    info_.argv = how_.spec.argv;
    info_.has_tty = how_.spec.stdio == config::stdio_mode::tty;
    info_.since_ms = kernel::unix_ms();
    process_streams::options streams;
    streams.directory = how_.with->store->log_of(how_.container_id);
    streams.prefix = how_.spec.id + "." + std::to_string(how_.serial);
    streams.log = how_.spec.log;
    streams.attached = how_.attached;
    streams.poller = how_.with->streams.get();
    auto me = caf::actor_cast<internal_actor>(self);
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
    streams.on_output = [weak] { tell(weak, output_news{}); };
    streams.on_writable = [weak] { tell(weak, input_writable{}); };
    streams_ = std::make_unique<process_streams>(std::move(streams));
    if (how_.spec.log.forward != config::log_forward::none)
      spawn_forwarders(weak);
  }

  // -- starting and stopping
  // ----------------------------------------------------

  caf::result<process_started> start(const bring_up& msg) {
    auto promise = actors::owe<process_started>(self_);
    starters_.push_back(promise);
    is_wish_ = msg.cause == process_event::start_cause::by_hand;
    if (state_.phase == process_phase::running) {
      answer_starters();
    } else if (auto refused =
                   apply(process_event::start_requested{msg.cause})) {
      starters_.pop_back();
      promise.deliver(
          make_error(errc::wrong_state, explain(*refused, how_.spec.id)));
    }
    return promise;
  }

  caf::result<process_is> stop(const stop_process& msg) {
    auto promise = actors::owe<process_is>(self_);
    // Of any client: what no spec may ask for, clocks cannot count either.
    auto grace = msg.grace_ms >= 0 ? std::min(milliseconds{msg.grace_ms},
                                              config::longest_duration)
                                   : how_.spec.stop_grace;
    stoppers_.push_back(promise);
    apply(process_event::stop_requested{stop_signal(), grace});
    if (!is_live(state_.phase))
      answer_stoppers();
    return promise;
  }

  caf::result<process_is> remove() {
    if (auto refused = apply(process_event::remove_requested{}))
      return make_error(errc::wrong_state, explain(*refused, how_.spec.id));
    return process_is{info()};
  }

  void use(const use_holder& msg) {
    holder_ = msg.holder;
    cgroup_ = msg.cgroup;
    state_.run = std::max(state_.run, msg.used_runs);
  }

  void lose() {
    holder_ = nullptr;
    probe_ = 0;
    info_.pid = info_.ns_pid = 0;
    pidfd_ = nullptr;
    streams_->abandon_input();
    apply(process_event::holder_lost{});
  }

  void stand_by() {
    apply(
        process_event::stand_by_requested{stop_signal(), how_.spec.stop_grace});
  }

  void take(const take_turn& msg) {
    if (!msg.refused)
      apply(process_event::turn_came{msg.turn});
    else if (msg.turn == state_.turn && state_.phase == process_phase::waiting)
      refuse_turn(msg.refused);
  }

  void suspend() {
    apply(process_event::suspended{});
  }

  void resume() {
    apply(process_event::resumed{});
  }

  void end(const end_process& msg) {
    if (is_probe(msg.process))
      return end_probe(msg);
    remember_end(msg.process);
    if (run_of(msg.process) == state_.run) {
      auto reason = explained(msg.end);
      finish_run(msg.process);
      apply(process_event::ended{run_of(msg.process), reason});
    } else {
      release(msg.process, 0xff); // a stray: the streams are its successor's
    }
    tell_ends();
  }

  void on(const late_start& event) {
    if (is_probe(event.report.process)) {
      if (event.report.error == 0)
        kill_probe(event.report.process);
      else if (holder_)
        caf::anon_send(holder_, actors::acknowledge_end{event.report.process});
      return;
    }
    on_spawned(run_of(event.report.process), event.report);
  }

  // Nothing is to be decided any more, so no event of the machine fits.
  void restore(const restore_end& msg) {
    state_.phase = msg.reason.kind == exit_kind::gave_up
                       ? process_phase::gave_up
                       : process_phase::exited;
    state_.run = std::max(state_.run, msg.run);
    state_.last = msg.reason;
    info_.has_ended = true;
    info_.last = msg.reason;
    has_ended_ = true;
    changed();
    forward_outputs();
  }

  process_is adopt(const adopt_process& msg) {
    const auto& known = msg.known.state;
    command_ = msg.notes.command;
    info_.restarts = msg.notes.restarts;
    state_.restarts = restart_tracker{how_.spec.restart, msg.notes.tracker};
    for (const auto& older : msg.before)
      take_rest_of(older);
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

  // -- requests
  // -----------------------------------------------------------------

  caf::result<process_is> signal(const signal_process& msg) {
    if (state_.phase != process_phase::running
        && state_.phase != process_phase::stopping)
      return make_error(errc::wrong_state,
                        "process '" + how_.spec.id + "' is "
                            + std::string{name_of(state_.phase)}
                            + ": there is nothing to signal");
    if (msg.signo < 1 || msg.signo > SIGRTMAX)
      return make_error(errc::invalid_argument,
                        "there is no signal " + std::to_string(msg.signo));
    actors::signal_holder_process order;
    order.order = {holder_number(how_.serial, state_.run), msg.signo,
                   msg.whole_group};
    return forward(order);
  }

  caf::result<process_is> resize(const resize_terminal& msg) {
    if (!info_.has_tty || !holder_)
      return make_error(errc::wrong_state,
                        "process '" + how_.spec.id + "' has no terminal");
    if (!is_live(state_.phase) && state_.phase != process_phase::held)
      return make_error(errc::wrong_state,
                        "process '" + how_.spec.id + "' is "
                            + std::string{name_of(state_.phase)}
                            + ": its terminal has gone with it");
    actors::resize_holder_terminal order;
    order.order = {holder_number(how_.serial, state_.run), msg.rows,
                   msg.columns};
    return forward(order);
  }

  caf::result<process_is> write(const write_input& msg) {
    auto promise = actors::owe<process_is>(self_);
    auto end = msg.end && !info_.has_tty;
    auto done = [this, promise, end](kernel::result<void> how) mutable {
      if (!how) {
        promise.deliver(make_error(how.error()));
        return;
      }
      if (end)
        release(holder_number(how_.serial, state_.run),
                kernel::holder::release_stdin);
      promise.deliver(process_is{info()});
    };
    streams_->write(msg.bytes, msg.end, std::move(done));
    return promise;
  }

  caf::result<output_chunk> read(const read_output& msg) {
    if (msg.stream != output_stream_id::out
        && msg.stream != output_stream_id::err)
      return make_error(errc::invalid_argument,
                        "there is no output stream "
                            + std::to_string(static_cast<unsigned>(msg.stream))
                            + ": 1 is standard output, 2 standard error");
    if (msg.wait_ms > 0)
      streams_->want_news();
    auto got = streams_->read(msg);
    if (!got)
      return make_error(got.error());
    if (msg.follow)
      arm_poll_timer();
    tell_when_read();
    if (msg.wait_ms <= 0 || !got->bytes.empty() || got->at_end)
      return std::move(*got);
    auto promise = actors::owe<output_chunk>(self_);
    readers_.push_back({msg, promise, until(msg.wait_ms)});
    arm_poll_timer();
    return promise;
  }

  caf::result<process_is> wait(const wait_process& msg) {
    if (is_final(state_.phase) || msg.wait_ms <= 0)
      return process_is{info()};
    auto promise = actors::owe<process_is>(self_);
    waiters_.push_back({promise, until(msg.wait_ms)});
    arm_poll_timer();
    return promise;
  }

  process_is get() {
    return {info()};
  }

  // -- events
  // -------------------------------------------------------------------

  void on(process_timer event) {
    if (state_.phase == process_phase::waiting && event.timer == state_.timer)
      return refuse_turn(
          make_error(errc::timed_out, "process '" + how_.spec.id
                                          + "': what it needs was not ready "
                                            "within its after_timeout"));
    apply(process_event::timer_fired{event.timer});
  }

  void on(output_news) {
    serve_readers(false);
    watch_room();
    tell_of_drops();
    if (!streams_->is_open())
      release_outputs();
  }

  void on(output_retry) {
    waits_for_room_ = false;
    streams_->retry();
    streams_->want_news();
  }

  void on(output_not_forwarded event) {
    info_.forward_dropped += event.bytes;
    changed();
  }

  void on(input_writable) {
    streams_->continue_input();
  }

  void on(start_impossible event) {
    on_start_failed(event.run, start_step::order, ESRCH);
  }

  void on(start_deadline event) {
    apply(process_event::start_timed_out{event.run});
  }

  void on(const process_ready& event) {
    apply(process_event::became_ready{run_of(event.process)});
  }

  void on(look_whether_ready event) {
    if (event.run != state_.run || state_.phase != process_phase::running
        || state_.ready || state_.overdue)
      return;
    if (state_.suspended || info_.pid == 0)
      return watch_readiness();
    const auto& how = *how_.spec.ready;
    if (!how.port)
      return probe();
    auto found = kernel::has_listener(info_.pid, *how.port);
    if (found && *found)
      apply(process_event::became_ready{event.run});
    else
      watch_readiness();
  }

  void on(probe_deadline event) {
    if (event.probe == probe_)
      kill_probe(event.probe);
  }

  void on(streams_over) {
    if (state_.phase == process_phase::running || !has_ended_)
      return;
    streams_->set_over(true);
    serve_readers(true);
  }

  // Long polls that have waited long enough, followers that have gone.
  void on(poll_expired) {
    auto now = clock::now();
    if (now < poll_at_)
      return; // an earlier timer has taken over
    poll_at_ = clock::time_point::max();
    auto followers = streams_->expire_followers(now);
    serve_readers(false);
    auto late = std::stable_partition(
        waiters_.begin(), waiters_.end(),
        [now](const auto& item) { return item.until > now; });
    for (auto it = late; it != waiters_.end(); ++it)
      it->promise.deliver(process_is{info()});
    waiters_.erase(late, waiters_.end());
    if (followers || !readers_.empty() || !waiters_.empty())
      arm_poll_timer();
  }

private:
  struct waiting_reader {
    read_output query;
    actors::owed_answer<output_chunk> promise;
    clock::time_point until;
  };

  struct waiter {
    actors::owed_answer<process_is> promise;
    clock::time_point until;
  };

  template <class Message>
  static void tell(const caf::weak_actor_ptr& weak, Message what) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_actor>(strong), what);
  }

  static clock::time_point until(std::int64_t wait_ms) {
    return clock::now()
           + std::min<milliseconds>(milliseconds{wait_ms}, longest_wait);
  }

  template <class Order>
  caf::result<process_is> forward(const Order& order) {
    auto promise = actors::owe<process_is>(self_);
    self_->request(holder_, caf::infinite, order)
        .then(
            [this, promise](actors::holder_done) mutable {
              promise.deliver(process_is{info()});
            },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  // -- the machine
  // ----------------------------------------------------------------

  std::optional<process_refusal> apply(const process_event::any& event) {
    return apply(event, this_moment());
  }

  // What happened before there was an actor counts from then.
  std::optional<process_refusal> apply(const process_event::any& event,
                                       moment at) {
    auto before = state_.phase;
    auto was_ready = state_.ready;
    auto stood_by = state_.stands_by;
    auto next = step(std::move(state_), event, at);
    // What happens now is not late, however long we were kept from seeing it.
    late_by_ =
        event_time_ == 0
            ? 0ms
            : std::chrono::duration_cast<milliseconds>(clock::now() - at.now);
    state_ = std::move(next.next);
    if (next.refused)
      return next.refused;
    if (state_.phase != before) {
      info_.since_ms = event_ms();
      info_.next_restart_ms = 0;
    }
    // First: a stop that is none must not look like one after a crash.
    if ((state_.phase == process_phase::stopping
         && state_.stands_by != stood_by)
        || (how_.spec.ready && state_.ready && !was_ready))
      annotate();
    if (state_.phase != process_phase::running)
      if (auto probe = std::exchange(probe_, 0))
        kill_probe(probe);
    for (const auto& effect : next.effects)
      std::visit([this](const auto& e) { carry_out(e); }, effect);
    if (state_.phase != before || !happened_.empty())
      changed();
    if (state_.phase != before)
      answer_by_phase();
    return std::nullopt;
  }

  // After the container was told: whoever has the answer finds it in `ps`.
  void answer_by_phase() {
    if (is_final(state_.phase)) {
      for (auto& item : std::exchange(waiters_, {}))
        item.promise.deliver(process_is{info()});
      fail_starters();
    }
    if (!is_live(state_.phase) || state_.phase == process_phase::backing_off
        || state_.phase == process_phase::waiting)
      answer_stoppers();
  }

  void carry_out(const process_effect::spawn& effect) {
    if (state_.run > 1 && starters_.empty())
      ++info_.restarts; // what somebody asked for is no restart
    if (!holder_) {
      // Asked for while the container has no PID 1.
      start_failed_ = make_error(errc::wrong_state,
                                 "container '" + how_.container
                                     + "' is not running: start it first");
      self_->send(self_, start_impossible{effect.run});
      return;
    }
    actors::spawn_process msg;
    msg.order = make_spawn_order(holder_number(how_.serial, effect.run),
                                 how_.spec, notes(), how_.capabilities);
    if (!how_.stdio.empty()) {
      msg.order.stdio = kernel::holder::stdio_mode::passed;
      msg.passed = how_.stdio;
    }
    self_->request(holder_, caf::infinite, std::move(msg))
        .then(
            [this, run = effect.run](const actors::process_spawned& done) {
              on_spawned(run, done);
            },
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

  void on_spawned(std::uint64_t run, const actors::process_spawned& done) {
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
    note(event_kind::process_started, "pid " + std::to_string(info_.pid));
    apply(process_event::started{run});
    answer_starters();
    watch_readiness();
  }

  // A start that is somebody's wish fails loudly, and a policy that would try
  // again must not hide it. One after a rebuild or an adoption is a restart
  // like any other.
  void on_start_failed(std::uint64_t run, start_step where, int code) {
    give_up_start(run);
    apply(process_event::ended{run, exit_reason::start_failed(where, code)});
  }

  // As with any other start that fails.
  void refuse_turn(const caf::error& why) {
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
  void on_start_overdue(std::uint64_t run) {
    give_up_start(run);
    fail_starters();
    apply(process_event::start_timed_out{run});
  }

  void give_up_start(std::uint64_t run) {
    if (starters_.empty() || run != state_.run
        || state_.phase != process_phase::starting)
      return;
    if (is_wish_)
      apply(process_event::stop_requested{SIGKILL, 0ms});
    else
      fail_starters();
  }

  void remember_failure(const actors::process_spawned& done) {
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
        code,
        to_string(kernel::sys_error{done.error, words_for(done.failed_step),
                                    config::showable(done.failed_subject),
                                    no_pid ? actors::no_pid_hint : ""}));
  }

  void take_handles(const actors::process_spawned& handles) {
    info_.ns_pid = handles.ns_pid;
    info_.pid = 0;
    pidfd_ = handles.pidfd;
    for (auto tries = 3; pidfd_ && tries > 0; --tries)
      find_pid();
    reconnect(handles);
  }

  // It has one for sure: what keeps us from seeing it passes.
  void find_pid() {
    auto pid = kernel::pid_of(pidfd_->get());
    if (!pid)
      return;
    info_.pid = pid->value_or(0);
    pidfd_ = nullptr;
  }

  void reconnect(const actors::process_spawned& handles) {
    if (how_.attached)
      arm_poll_timer(); // whoever is awaited may never come
    log_unless(streams_->connect(handles));
    release_outputs(); // of the run before, if some of its were still open
    streams_->want_news();
    watch_room();
    forward_outputs();
  }

  // Until this is done PID 1 keeps it for whoever comes after us.
  void take_rest_of(const actors::known_process& older) {
    if (!log_unless(streams_->take_rest(older.handles)))
      return;
    release(older.state.process, 0xff);
    superseded_.push_back(older.state.process);
  }

  bool log_unless(const kernel::result<void>& ok) {
    if (!ok)
      how_.with->log->error("process '{}' of container '{}': {}", how_.spec.id,
                            how_.container, to_string(ok.error()));
    return ok.has_value();
  }

  // From outside: the child itself may not even raise its own score, since its
  // files in /proc belong to host root until it has executed.
  void set_oom_score() {
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

  void carry_out(const process_effect::send_signal& effect) {
    if (!holder_)
      return;
    actors::signal_holder_process order;
    order.order = {holder_number(how_.serial, effect.run), effect.signal,
                   effect.to == process_effect::target::group};
    // A process that has just ended is no error; its end is on the way.
    self_->request(holder_, caf::infinite, order)
        .then([](actors::holder_done) {}, [](const caf::error&) {});
  }

  void carry_out(const process_effect::arm_timer& effect) {
    auto left = std::max(effect.delay - late_by_, 0ms);
    if (effect.use == process_effect::timer_use::backoff) {
      info_.next_restart_ms = kernel::unix_ms() + left.count();
      note(event_kind::process_restarting,
           "in " + std::to_string(left.count()) + " ms");
    }
    self_->delayed_send(self_, left, process_timer{effect.timer});
  }

  void carry_out(const process_effect::report_exit& effect) {
    info_.has_ended = true;
    info_.last = effect.reason;
    info_.pid = info_.ns_pid = 0;
    pidfd_ = nullptr;
    has_ended_ = true;
    fell_ |= effect.reason.kind != exit_kind::stopped && is_live(state_.phase);
    auto kind = effect.reason.kind == exit_kind::gave_up
                    ? event_kind::process_gave_up
                    : event_kind::process_exited;
    note(kind, to_string(effect.reason));
    if (streams_->is_open())
      self_->delayed_send(self_, stray_grace, streams_over{});
  }

  void carry_out(const process_effect::report_ready&) {
    note(event_kind::process_ready, {});
  }

  void carry_out(const process_effect::report_held&) {
    // Whoever waits for its stop is answered by the phase.
  }

  void carry_out(const process_effect::forget&) {
    streams_->disconnect();
    streams_->remove_files();
    release(holder_number(how_.serial, state_.run), 0xff);
    note(event_kind::process_removed, {});
  }

  // -- readiness
  // ----------------------------------------------------------------------

  // A descriptor is watched by PID 1, which tells.
  void watch_readiness() {
    if (state_.phase == process_phase::running && !state_.ready
        && !how_.spec.ready->fd && !how_.spec.ready->exit)
      self_->delayed_send(self_, how_.spec.ready->interval,
                          look_whether_ready{state_.run});
  }

  // Runs the command as the process is run, in a number of its own.
  void probe() {
    auto spec = how_.spec;
    spec.argv = how_.spec.ready->command;
    spec.stdio = config::stdio_mode::null;
    spec.ready.reset();
    probe_ = holder_number(how_.serial,
                           probe_bit | (next_probe_++ & (probe_bit - 1)));
    actors::spawn_process msg;
    msg.order = make_spawn_order(probe_, spec, {}, how_.capabilities);
    self_->request(holder_, caf::infinite, std::move(msg))
        .then(
            [this, probe = probe_](const actors::process_spawned& done) {
              if (done.error == 0)
                return;
              if (holder_)
                caf::anon_send(holder_, actors::acknowledge_end{probe});
              probe_over(probe, false);
            },
            [this, probe = probe_](const caf::error&) {
              probe_over(probe, false);
            });
    self_->delayed_send(self_, longest_probe, probe_deadline{probe_});
  }

  void probe_over(std::uint64_t probe, bool says_yes) {
    if (probe != probe_)
      return;
    probe_ = 0;
    if (says_yes)
      apply(process_event::became_ready{state_.run});
    else
      watch_readiness();
  }

  void end_probe(const end_process& msg) {
    if (holder_)
      caf::anon_send(holder_, actors::acknowledge_end{msg.process});
    auto how = reason_of(msg.end);
    probe_over(msg.process, how == exit_reason::exited(0));
  }

  void kill_probe(std::uint64_t probe) {
    if (holder_)
      self_
          ->request(holder_, caf::infinite,
                    actors::signal_holder_process{{probe, SIGKILL, true}})
          .then([](actors::holder_done) {}, [](const caf::error&) {});
  }

  // -- ends
  // ---------------------------------------------------------------------------

  exit_reason reason_of_end(const kernel::holder::process_state_report& of) {
    if (of.failed_code != 0)
      return exit_reason::start_failed(step_of(of.failed_step), of.failed_code);
    return explained(of.end);
  }

  exit_reason explained(const kernel::holder::end_of_process& end) {
    auto reason = reason_of(end);
    return cgroup_ ? how_.oom->explain(reason, *cgroup_, end.max_rss_kib * 1024)
                   : reason;
  }

  void finish_run(std::uint64_t process) {
    streams_->abandon_input();
    ended_process_ = process;
    released_ = false;
    if (!streams_->is_open())
      release_outputs();
  }

  // What the pipes still hold is kept by us from here on.
  void release_outputs() {
    if (!std::exchange(released_, true) && has_streams())
      release(ended_process_, 0xff);
  }

  // Else PID 1 keeps no descriptor of it.
  [[nodiscard]] bool has_streams() const {
    return how_.spec.stdio != config::stdio_mode::null && how_.stdio.empty();
  }

  void release(std::uint64_t process, std::uint8_t streams) {
    if (!holder_ || process == 0)
      return;
    self_->send(holder_, actors::release_streams{{process, streams}});
  }

  // -- answers
  // --------------------------------------------------------------------------

  void answer_starters() {
    for (auto& promise : std::exchange(starters_, {}))
      promise.deliver(process_started{how_.container, how_.spec.id, info_.pid,
                                      info_.ns_pid});
  }

  void fail_starters() {
    if (starters_.empty())
      return;
    auto err = start_failed_
                   ? start_failed_
                   : make_error(errc::gone, "process '" + how_.spec.id + "': "
                                                + to_string(state_.last));
    for (auto& promise : std::exchange(starters_, {}))
      promise.deliver(err);
  }

  void answer_stoppers() {
    for (auto& promise : std::exchange(stoppers_, {}))
      promise.deliver(process_is{info()});
  }

  void serve_readers(bool over) {
    auto now = clock::now();
    streams_->want_news();
    std::vector<waiting_reader> left;
    for (auto& item : std::exchange(readers_, {})) {
      auto got = streams_->read(item.query);
      if (!got)
        item.promise.deliver(make_error(got.error()));
      else if (over || !got->bytes.empty() || got->at_end || item.until <= now)
        item.promise.deliver(std::move(*got));
      else
        left.push_back(std::move(item));
    }
    readers_ = std::move(left);
    tell_when_read();
  }

  // A container that goes away with this process waits for its readers.
  void tell_when_read() {
    if (output_awaited_ && !streams_->is_awaited() && is_final(state_.phase))
      changed();
  }

  // A disk that has no room for its output.
  void watch_room() {
    auto why = streams_->blocked();
    auto text = why ? to_string(*why) : std::string{};
    if (why && !std::exchange(waits_for_room_, true))
      self_->delayed_send(self_, room_interval, output_retry{});
    if (text == info_.output_blocked)
      return;
    if (why && info_.output_blocked.empty())
      how_.with->log->warn("process '{}' of container '{}' waits: {}",
                           how_.spec.id, how_.container, text);
    info_.output_blocked = std::move(text);
    changed();
  }

  void tell_of_drops() {
    auto now = clock::now();
    tells_later_ = tells_later_ && now < next_told_;
    if (streams_->dropped() == told_dropped_)
      return;
    if (now < next_told_) {
      if (!std::exchange(tells_later_, true))
        self_->delayed_send(self_, next_told_ - now, output_news{});
      return;
    }
    next_told_ = now + told_interval;
    changed();
  }

  void spawn_forwarders(const caf::weak_actor_ptr& me) {
    output_forwarder_options how;
    how.with = how_.with;
    how.from = caf::actor_cast<user_process_actor>(self_);
    how.container = how_.container;
    how.process = how_.spec.id;
    how.log = how_.spec.log;
    how.on_loss = [me](std::uint64_t bytes) {
      tell(me, output_not_forwarded{bytes});
    };
    for (auto stream : {output_stream_id::out, output_stream_id::err}) {
      if (stream == output_stream_id::err && info_.has_tty)
        continue; // it has but one
      how.stream = stream;
      how.cursor = streams_->forward_cursor(stream);
      forwarders_.push_back(spawn_output_forwarder(self_->system(), how));
    }
  }

  void forward_outputs() {
    for (auto& item : forwarders_)
      self_->send(item, forward_output{});
  }

  void arm_poll_timer() {
    auto next = clock::now() + process_streams::lease;
    for (const auto& item : readers_)
      next = std::min(next, item.until);
    for (const auto& item : waiters_)
      next = std::min(next, item.until);
    if (poll_at_ <= next)
      return;
    poll_at_ = next;
    auto delay = std::max<clock::duration>(next - clock::now(), 1ms);
    self_->delayed_send(self_, delay, poll_expired{});
  }

  process_info info() {
    if (pidfd_)
      find_pid();
    info_.phase = state_.phase;
    info_.ready = state_.ready && state_.phase == process_phase::running;
    info_.restarts_in_window = static_cast<std::uint32_t>(
        state_.restarts.restarts_in_window(clock::now()));
    info_.output_dropped = streams_->dropped();
    return info_;
  }

  // Goes with the next change.
  void note(event_kind kind, std::string text) {
    happened_.push_back(
        {0, event_ms(), kind, how_.container, how_.spec.id, std::move(text)});
  }

  [[nodiscard]] std::int64_t event_ms() const {
    return event_time_ != 0 ? event_time_ : kernel::unix_ms();
  }

  // PID 1 keeps a start that failed as it does an end: the next daemon is to
  // count it, too. With its notes it knows what came before.
  void keep_failure(const actors::process_spawned& done) {
    if (!done.is_kept)
      return;
    superseded_.insert(superseded_.end(), ended_.begin(), ended_.end());
    ended_.clear();
    remember_end(done.process);
  }

  // The holder repeats a report that is not acknowledged.
  void remember_end(std::uint64_t process) {
    if (std::ranges::find(ended_, process) == ended_.end())
      ended_.push_back(process);
  }

  // Until its successor runs PID 1 is the only one that would know that there
  // is to be one, if this daemon died.
  [[nodiscard]] bool may_tell_ends() const {
    return state_.phase != process_phase::backing_off
           && state_.phase != process_phase::starting
           && state_.phase != process_phase::waiting;
  }

  void tell_ends() {
    if (!ended_.empty() && may_tell_ends()) // nothing has told of them yet
      changed();
  }

  [[nodiscard]] run_notes notes() const {
    return {command_, info_.restarts, state_.restarts.state(),
            state_.ready && how_.spec.ready, state_.stands_by};
  }

  // What PID 1 is to give the next daemon.
  void annotate() {
    if (holder_)
      self_->send(holder_, actors::annotate_process{
                               {holder_number(how_.serial, state_.run),
                                to_text(how_.spec, notes())}});
  }

  [[nodiscard]] int stop_signal() const {
    return config::signal_number(how_.spec.stop_signal).value_or(SIGTERM);
  }

  static time_point steady(std::int64_t realtime_ns) {
    auto ago = std::chrono::system_clock::now().time_since_epoch()
               - std::chrono::nanoseconds{realtime_ns};
    return clock::now() - std::max(ago, decltype(ago)::zero());
  }

  void changed() {
    output_awaited_ = streams_->is_awaited();
    told_dropped_ = streams_->dropped();
    std::vector<std::uint64_t> over;
    if (may_tell_ends())
      over = std::exchange(ended_, {});
    over.insert(over.end(), superseded_.begin(), superseded_.end());
    superseded_.clear();
    how_.on_change({info(), state_.run, std::exchange(happened_, {}),
                    std::move(over), output_awaited_, state_.turn,
                    std::exchange(fell_, false)});
  }

  self_pointer self_ = nullptr;
  user_process_options how_;
  process_state state_;
  process_info info_;
  actors::namespace_holder_actor holder_;
  std::shared_ptr<const kernel::container_cgroup> cgroup_;
  std::unique_ptr<process_streams> streams_;
  actors::shared_fd pidfd_; ///< until its pid is known
  bool has_ended_ = false;
  bool fell_ = false; ///< not told on yet
  std::uint64_t probe_ = 0;
  std::uint64_t next_probe_ = 0;
  bool is_wish_ = false;
  clock::time_point poll_at_ = clock::time_point::max(); ///< armed for
  bool output_awaited_ = false; ///< as the container was told
  bool released_ = true;
  std::uint64_t ended_process_ = 0;
  std::vector<std::uint64_t> ended_; ///< runs whose ends are not told on yet
  std::vector<std::uint64_t> superseded_; ///< those that may be, at any time
  std::uint64_t command_ = 0;             ///< that ran it first
  milliseconds late_by_{0};               ///< we see what happens now
  std::int64_t event_time_ = 0;           ///< of what happened before; 0: now
  std::vector<event> happened_;           ///< not told on yet
  std::uint64_t told_dropped_ = 0;
  clock::time_point next_told_;
  bool tells_later_ = false;
  bool waits_for_room_ = false;
  std::vector<output_forwarder_actor> forwarders_;
  caf::error start_failed_;
  std::vector<actors::owed_answer<process_started>> starters_;
  std::vector<actors::owed_answer<process_is>> stoppers_;
  std::vector<waiting_reader> readers_;
  std::vector<waiter> waiters_;
};

internal_actor::behavior_type
behavior(internal_actor::stateful_pointer<process_actor_state> self,
         const user_process_options& how) {
  self->state.init(self, how);
  auto s = actors::handlers_for(self);
  return {
      [=](const bring_up& msg) { return s->start(msg); },
      [=](const stop_process& msg) { return s->stop(msg); },
      [=](const remove_process&) { return s->remove(); },
      [=](const signal_process& msg) { return s->signal(msg); },
      [=](const resize_terminal& msg) { return s->resize(msg); },
      [=](const write_input& msg) { return s->write(msg); },
      [=](const read_output& msg) { return s->read(msg); },
      [=](const wait_process& msg) { return s->wait(msg); },
      [=](get_process) { return s->get(); },
      [=](const use_holder& msg) { s->use(msg); },
      [=](lose_holder) { s->lose(); },
      [=](suspend_starts) { s->suspend(); },
      [=](resume_starts) { s->resume(); },
      [=](stand_by) { s->stand_by(); },
      [=](const take_turn& msg) { s->take(msg); },
      [=](const process_ready& event) { s->on(event); },
      [=](const late_start& event) { s->on(event); },
      [=](const end_process& msg) { s->end(msg); },
      [=](const restore_end& msg) { s->restore(msg); },
      [=](const adopt_process& msg) { return s->adopt(msg); },
      [=](process_timer event) { s->on(event); },
      [=](output_news event) { s->on(event); },
      [=](output_retry event) { s->on(event); },
      [=](output_not_forwarded event) { s->on(event); },
      [=](input_writable event) { s->on(event); },
      [=](poll_expired event) { s->on(event); },
      [=](streams_over event) { s->on(event); },
      [=](start_impossible event) { s->on(event); },
      [=](start_deadline event) { s->on(event); },
      [=](look_whether_ready event) { s->on(event); },
      [=](probe_deadline event) { s->on(event); },
  };
}

} // namespace

user_process_actor spawn_user_process(caf::actor_system& sys,
                                      user_process_options how) {
  return caf::actor_cast<user_process_actor>(
      sys.spawn(behavior, std::move(how)));
}

} // namespace reeve::supervisor
