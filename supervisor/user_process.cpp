// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/user_process.hpp"

#include "config/names.hpp"
#include "config/units.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/user_process_state.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto longest_wait = 60s;

} // namespace

bool is_final(process_phase phase) {
  return phase == process_phase::exited || phase == process_phase::gave_up
         || phase == process_phase::held || phase == process_phase::removed;
}

void process_actor_state::init(self_pointer self, user_process_options how) {
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
  auto me = caf::actor_cast<process_internal_actor>(self);
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
  streams.on_output = [weak] { tell(weak, output_news{}); };
  streams.on_writable = [weak] { tell(weak, input_writable{}); };
  streams_ = std::make_unique<process_streams>(std::move(streams));
  if (how_.spec.log.forward != config::log_forward::none)
    spawn_forwarders(weak);
}

caf::result<process_started> process_actor_state::start(const bring_up& msg) {
  auto promise = actors::owe<process_started>(self_);
  starters_.push_back(promise);
  is_wish_ = msg.cause == process_event::start_cause::by_hand;
  if (state_.phase == process_phase::running) {
    answer_starters();
  } else if (auto refused = apply(process_event::start_requested{msg.cause})) {
    starters_.pop_back();
    promise.deliver(
        make_error(errc::wrong_state, explain(*refused, how_.spec.id)));
  }
  return promise;
}

caf::result<process_is> process_actor_state::stop(const stop_process& msg) {
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

caf::result<process_is> process_actor_state::remove() {
  if (auto refused = apply(process_event::remove_requested{}))
    return make_error(errc::wrong_state, explain(*refused, how_.spec.id));
  return process_is{info()};
}

void process_actor_state::use(const use_holder& msg) {
  holder_ = msg.holder;
  cgroup_ = msg.cgroup;
  state_.run = std::max(state_.run, msg.used_runs);
}

void process_actor_state::use(const use_rlimits& msg) {
  how_.rlimits = msg.rlimits;
}

container_bounds process_actor_state::bounds() const {
  return {how_.capabilities,
          how_.rlimits ? *how_.rlimits : config::rlimit_list{}};
}

void process_actor_state::lose() {
  holder_ = nullptr;
  probe_ = 0;
  info_.pid = info_.ns_pid = 0;
  pidfd_ = nullptr;
  streams_->abandon_input();
  streams_->forgo_rest();
  untaken_.clear();
  apply(process_event::holder_lost{});
  serve_readers(false); // there is nothing to come any more
}

void process_actor_state::stand_by() {
  apply(process_event::stand_by_requested{stop_signal(), how_.spec.stop_grace});
}

void process_actor_state::take(const take_turn& msg) {
  if (!msg.refused)
    apply(process_event::turn_came{msg.turn});
  else if (msg.turn == state_.turn && state_.phase == process_phase::waiting)
    refuse_turn(msg.refused);
}

void process_actor_state::suspend() {
  apply(process_event::suspended{});
}

void process_actor_state::resume() {
  apply(process_event::resumed{});
}

caf::result<process_is> process_actor_state::signal(const signal_process& msg) {
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

caf::result<process_is>
process_actor_state::resize(const resize_terminal& msg) {
  if (!info_.has_tty || !holder_)
    return make_error(errc::wrong_state,
                      "process '" + how_.spec.id + "' has no terminal");
  if (!is_live(state_.phase) && state_.phase != process_phase::held)
    return make_error(errc::wrong_state,
                      "process '" + how_.spec.id + "' is "
                          + std::string{name_of(state_.phase)}
                          + ": its terminal has gone with it");
  actors::resize_holder_terminal order;
  order.order = {holder_number(how_.serial, state_.run), msg.rows, msg.columns};
  return forward(order);
}

caf::result<process_is> process_actor_state::wait(const wait_process& msg) {
  if (is_final(state_.phase) || msg.wait_ms <= 0)
    return process_is{info()};
  auto promise = actors::owe<process_is>(self_);
  waiters_.push_back({promise, until(msg.wait_ms)});
  arm_poll_timer();
  return promise;
}

process_is process_actor_state::get() {
  return {info()};
}

void process_actor_state::on(process_timer event) {
  if (state_.phase == process_phase::waiting && event.timer == state_.timer)
    return refuse_turn(
        make_error(errc::timed_out, "process '" + how_.spec.id
                                        + "': what it needs was not ready "
                                          "within its after_timeout"));
  apply(process_event::timer_fired{event.timer});
}

clock::time_point process_actor_state::until(std::int64_t wait_ms) {
  return clock::now()
         + std::min<milliseconds>(milliseconds{wait_ms}, longest_wait);
}

template <class Order>
caf::result<process_is> process_actor_state::forward(const Order& order) {
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

std::optional<process_refusal>
process_actor_state::apply(const process_event::any& event) {
  return apply(event, this_moment());
}

// What happened before there was an actor counts from then.
std::optional<process_refusal>
process_actor_state::apply(const process_event::any& event, moment at) {
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
  if ((state_.phase == process_phase::stopping && state_.stands_by != stood_by)
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
void process_actor_state::answer_by_phase() {
  if (is_final(state_.phase)) {
    for (auto& item : std::exchange(waiters_, {}))
      item.promise.deliver(process_is{info()});
    fail_starters();
  }
  if (!is_live(state_.phase) || state_.phase == process_phase::backing_off
      || state_.phase == process_phase::waiting)
    answer_stoppers();
}

void process_actor_state::carry_out(const process_effect::send_signal& effect) {
  if (!holder_)
    return;
  actors::signal_holder_process order;
  order.order = {holder_number(how_.serial, effect.run), effect.signal,
                 effect.to == process_effect::target::group};
  // A process that has just ended is no error; its end is on the way.
  self_->request(holder_, caf::infinite, order)
      .then([](actors::holder_done) {}, [](const caf::error&) {});
}

void process_actor_state::carry_out(const process_effect::arm_timer& effect) {
  auto left = std::max(effect.delay - late_by_, 0ms);
  if (effect.use == process_effect::timer_use::backoff) {
    info_.next_restart_ms = kernel::unix_ms() + left.count();
    note(event_kind::process_restarting,
         "in " + std::to_string(left.count()) + " ms");
  }
  self_->delayed_send(self_, left, process_timer{effect.timer});
}

void process_actor_state::carry_out(const process_effect::report_exit& effect) {
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
  await_strays();
}

void process_actor_state::carry_out(const process_effect::report_ready&) {
  note(event_kind::process_ready, {});
}

void process_actor_state::carry_out(const process_effect::report_held&) {
  // Whoever waits for its stop is answered by the phase.
}

void process_actor_state::carry_out(const process_effect::forget&) {
  streams_->disconnect();
  streams_->remove_files();
  release(holder_number(how_.serial, state_.run), 0xff);
  for (auto process :
       {streams_->run(), ended_process_}) // should they be others
    release(process, 0xff);
  for (auto process : std::exchange(untaken_, {}))
    release(process, 0xff);
  note(event_kind::process_removed, {});
}

void process_actor_state::answer_stoppers() {
  for (auto& promise : std::exchange(stoppers_, {}))
    promise.deliver(process_is{info()});
}

process_info process_actor_state::info() {
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
void process_actor_state::note(event_kind kind, std::string text) {
  happened_.push_back(
      {0, event_ms(), kind, how_.container, how_.spec.id, std::move(text)});
}

std::int64_t process_actor_state::event_ms() const {
  return event_time_ != 0 ? event_time_ : kernel::unix_ms();
}

run_notes process_actor_state::notes() const {
  return {command_, info_.restarts, state_.restarts.state(),
          state_.ready && how_.spec.ready, state_.stands_by};
}

// What PID 1 is to give the next daemon.
void process_actor_state::annotate() {
  if (holder_)
    self_->send(holder_, actors::annotate_process{
                             {holder_number(how_.serial, state_.run),
                              to_text(how_.spec, notes())}});
}

int process_actor_state::stop_signal() const {
  return config::signal_number(how_.spec.stop_signal).value_or(SIGTERM);
}

void process_actor_state::changed() {
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

namespace {

process_internal_actor::behavior_type process_behavior(
    process_internal_actor::stateful_pointer<process_actor_state> self,
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
      [=](const use_rlimits& msg) { s->use(msg); },
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
      [=](description_due event) { s->on(event); },
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
      sys.spawn(process_behavior, std::move(how)));
}

} // namespace reeve::supervisor
