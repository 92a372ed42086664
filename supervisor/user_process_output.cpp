// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The standard streams of a process: its pipes, its log, and who reads it.

#include "supervisor/user_process_state.hpp"

#include <spdlog/logger.h>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using clock = std::chrono::steady_clock;

namespace {

// Between two tries to find room for output.
constexpr auto room_interval = 500ms;

// Streams of an ended process that some stray keeps open count as ended.
constexpr auto stray_grace = 500ms;

// So often at most output that is dropped all the time is told of.
constexpr auto told_interval = 1s;

} // namespace

caf::result<process_is> process_actor_state::write(const write_input& msg) {
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

caf::result<output_chunk> process_actor_state::read(const read_output& msg) {
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

void process_actor_state::on(output_news) {
  serve_readers(false);
  watch_room();
  tell_of_drops();
  if (!streams_->is_open())
    release_outputs();
}

void process_actor_state::on(output_retry) {
  waits_for_room_ = false;
  streams_->retry();
  streams_->want_news();
}

void process_actor_state::on(output_not_forwarded event) {
  info_.forward_dropped += event.bytes;
  changed();
}

void process_actor_state::on(input_writable) {
  streams_->continue_input();
}

void process_actor_state::on(streams_over) {
  if (state_.phase == process_phase::running || !has_ended_
      || streams_->lacks_some())
    return;
  streams_->set_over(true);
  serve_readers(true);
}

// Long polls that have waited long enough, followers that have gone.
void process_actor_state::on(poll_expired) {
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

void process_actor_state::reconnect(const actors::process_spawned& handles) {
  if (how_.attached)
    arm_poll_timer(); // whoever is awaited may never come
  auto taken = handles;
  taken.is_bare |= !untaken_.empty(); // these come first
  log_unless(streams_->connect(taken));
  // Of a run before, if some of its were still open; of this one if it is over
  // and was read to its end.
  if (handles.process != ended_process_ || !streams_->is_open())
    release_outputs();
  streams_->want_news();
  watch_room();
  forward_outputs();
  ask_for_missing();
}

// The streams of a run that is over have not come, and there is another.
void process_actor_state::keep_for_later() {
  if (streams_->lacks_some() && !std::exchange(released_, true))
    untaken_.push_back(ended_process_);
}

// Until this is done PID 1 keeps it for us, or for whoever comes after us.
bool process_actor_state::take_rest_of(const actors::known_process& older) {
  if (older.handles.is_bare || !log_unless(streams_->take_rest(older.handles)))
    return false;
  release(older.state.process, 0xff);
  return true;
}

// What is tried every second was told the first time.
bool process_actor_state::log_unless(const kernel::result<void>& ok) {
  if (!ok && !asks_)
    how_.with->log->error("process '{}' of container '{}': {}", how_.spec.id,
                          how_.container, to_string(ok.error()));
  return ok.has_value();
}

void process_actor_state::finish_run(std::uint64_t process) {
  streams_->abandon_input();
  ended_process_ = process;
  released_ = false;
  if (!streams_->is_open())
    release_outputs();
}

void process_actor_state::await_strays() {
  if (streams_->is_open())
    self_->delayed_send(self_, stray_grace, streams_over{});
}

// What the pipes still hold is kept by us from here on.
void process_actor_state::release_outputs() {
  if (!std::exchange(released_, true) && has_streams())
    release(ended_process_, 0xff);
}

// Else PID 1 keeps no descriptor of it.
bool process_actor_state::has_streams() const {
  return how_.spec.stdio != config::stdio_mode::null && how_.stdio.empty();
}

void process_actor_state::release(std::uint64_t process, std::uint8_t streams) {
  if (!holder_ || process == 0)
    return;
  self_->send(holder_, actors::release_streams{{process, streams}});
}

void process_actor_state::serve_readers(bool over) {
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
void process_actor_state::tell_when_read() {
  if (output_awaited_ && !streams_->is_awaited() && is_final(state_.phase))
    changed();
}

// A disk that has no room for its output.
void process_actor_state::watch_room() {
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

void process_actor_state::tell_of_drops() {
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

void process_actor_state::spawn_forwarders(const caf::weak_actor_ptr& me) {
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

void process_actor_state::forward_outputs() {
  for (auto& item : forwarders_)
    self_->send(item, forward_output{});
}

void process_actor_state::arm_poll_timer() {
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

} // namespace reeve::supervisor
