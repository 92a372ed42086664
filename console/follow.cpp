// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/follow.hpp"

#include "actors/error.hpp"
#include "console/container_hold.hpp"
#include "console/courier.hpp"
#include "console/detach_keys.hpp"
#include "console/line_times.hpp"
#include "console/output_pump.hpp"
#include "console/spec_options.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace reeve::console {

namespace {

using supervisor::output_chunk;
using supervisor::output_stream_id;
using supervisor::process_is;
using steady = std::chrono::steady_clock;

/// Pause before reading on after the end of one run of a process that may run
/// again: what it says next is read from the same place.
constexpr auto next_run_pause = std::chrono::milliseconds{200};

/// For an answer that changes nothing any more.
constexpr auto goodbye_limit = std::chrono::seconds{2};

constexpr std::size_t input_chunk = 64 * 1024;

/// So many signals without an answer mean that the user wants out.
constexpr int impatience = 3;

template <class Reply>
using answer = tl::expected<Reply, caf::error>;

class session {
public:
  session(const followed& what, const signal_gate& signals, courier mail)
      : what_{what},
        signals_{signals},
        mail_{std::move(mail)},
        hold_{what.container},
        streams_{stream{output_stream_id::out, what.out_offset,
                        output_pump{STDOUT_FILENO}},
                 stream{output_stream_id::err, what.err_offset,
                        output_pump{STDERR_FILENO}}} {
    for (auto& s : streams_)
      s.begun = !what.late;
  }

  result<farewell> run();

private:
  struct stream {
    output_stream_id id;
    std::uint64_t offset;
    output_pump pump;
    line_times times{};
    bool asking = false;
    bool done = false;
    bool begun = true; ///< what is missing from here on is a loss
    std::optional<steady::time_point> pause; ///< until the next run
    steady::time_point asked{};
  };

  void ask_end(std::chrono::milliseconds longest);
  [[nodiscard]] supervisor::read_output request_for(stream& from);
  void ask_output(stream& from);
  void renew(stream& from);
  void take(stream& from, answer<output_chunk> reply);
  void tell_loss(std::uint64_t bytes);
  void send_input(std::string bytes, bool end);
  void read_input();
  void take_signal(int signo);
  void forward(int signo);
  void resize();
  void send_again();
  void let_go();
  void advance();
  void wait();
  void fail(const caf::error& err, const char* doing);
  [[nodiscard]] int next_timeout() const;

  const followed& what_;
  const signal_gate& signals_;
  courier mail_;
  container_hold hold_;
  std::array<stream, 2> streams_;
  const std::uint64_t reader_ = std::max<std::uint64_t>(generated_command(), 2);
  detach_keys keys_;
  bool sending_ = false;    ///< input that is not answered yet
  bool input_over_ = false; ///< ours or the program's
  /// What the last run did not take, for the next one.
  std::optional<supervisor::write_input> unsent_;
  steady::time_point send_at_{};
  bool lost_ = false;  ///< output
  int unanswered_ = 0; ///< signals
  std::optional<supervisor::exit_reason> ended_;
  std::optional<result<farewell>> outcome_;
};

std::string name_of(const followed& what) {
  return "process '" + what.process + "' of container '" + what.container + "'";
}

void session::fail(const caf::error& err, const char* doing) {
  if (!outcome_)
    outcome_ = tl::make_unexpected(
        failure_of(err, std::string{"cannot "} + doing + name_of(what_)));
}

/// A process may be removed with its container as soon as it has ended: then
/// only a request that was waiting hears of it. So there are two of them at any
/// time, half a period apart.
void session::ask_end(std::chrono::milliseconds longest) {
  mail_.send<process_is>(
      supervisor::wait_process{what_.container, what_.process, longest.count()},
      poll_limit, [this](answer<process_is> reply) {
        if (ended_)
          return;
        if (!reply)
          return fail(reply.error(), "wait for ");
        const auto& info = reply->info;
        if (info.phase == supervisor::process_phase::held)
          outcome_ = refuse(name_of(what_), "the kernel does not let go of it",
                            "see the log of the daemon");
        else if (is_live(info.phase))
          return ask_end(poll_wait);
        ended_ = info.last;
        if (!what_.late && info.output_dropped > 0)
          tell_loss(info.output_dropped); // no disk had room for it
      });
}

supervisor::read_output session::request_for(stream& from) {
  from.asked = steady::now();
  auto out = supervisor::read_output{what_.container, what_.process, from.id,
                                     from.offset};
  out.follow = what_.hold;
  out.reader = reader_;
  out.times = what_.times;
  return out;
}

/// Says that we are still here, and where. The answer does not matter: what
/// goes wrong will do so again when we read on.
void session::renew(stream& from) {
  auto request = request_for(from);
  request.max = 1;
  mail_.send<output_chunk>(request, poll_limit,
                           [](const answer<output_chunk>&) {});
}

void session::ask_output(stream& from) {
  from.asking = true;
  from.pause.reset();
  auto request = request_for(from);
  request.wait_ms = poll_wait.count();
  mail_.send<output_chunk>(request, poll_limit,
                           [this, &from](answer<output_chunk> reply) {
                             from.asking = false;
                             take(from, std::move(reply));
                           });
}

void session::take(stream& from, answer<output_chunk> reply) {
  if (!reply) {
    // A container may be removed the moment its last process has ended.
    auto removed =
        ended_ && actors::code_of(reply.error()) == actors::errc::not_found;
    from.done = true;
    if (!removed)
      fail(reply.error(), "read the output of ");
    return;
  }
  if (reply->offset > from.offset && from.begun)
    tell_loss(reply->offset - from.offset);
  from.begun = true;
  from.offset = reply->offset + reply->bytes.size();
  from.pump.put(what_.times ? from.times.put_before(*reply) : reply->bytes);
  if (!reply->at_end)
    return;
  if (ended_ || !what_.may_restart)
    from.done = true;
  else
    from.pause = steady::now() + next_run_pause;
}

/// Among what the program itself says on standard error.
void session::tell_loss(std::uint64_t bytes) {
  lost_ = true;
  auto end_of_line = what_.terminal ? "\r\n" : "\n";
  streams_[1].pump.put("reeve: " + std::to_string(bytes)
                       + " bytes of the output of " + name_of(what_)
                       + " were lost" + end_of_line);
}

void session::send_input(std::string bytes, bool end) {
  sending_ = true;
  input_over_ = input_over_ || end;
  auto request = supervisor::write_input{what_.container, what_.process,
                                         std::move(bytes), end};
  mail_.send<process_is>(request,
                         // The program may take its time.
                         stop_limit,
                         [this, request](const answer<process_is>& reply) {
                           sending_ = false;
                           if (reply)
                             return;
                           // It has closed its input, or has ended: for us, as
                           // for a shell's pipe, the end of the input, unless
                           // it comes back.
                           input_over_ = input_over_ || !what_.may_restart;
                           if (what_.may_restart && !ended_) {
                             unsent_ = request;
                             send_at_ = steady::now() + next_run_pause;
                           }
                         });
}

void session::send_again() {
  if (!unsent_ || ended_ || steady::now() < send_at_)
    return;
  auto again = std::move(*unsent_);
  unsent_.reset();
  send_input(std::move(again.bytes), again.end);
}

void session::read_input() {
  auto bytes = std::string(input_chunk, '\0');
  auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!what_.terminal)
    return send_input(std::move(bytes), got <= 0);
  auto typed = keys_.feed(bytes);
  if (typed.detach)
    outcome_ = farewell{farewell::kind::detached, {}, 0};
  else if (got <= 0 || !typed.bytes.empty())
    send_input(std::move(typed.bytes), got <= 0);
}

void session::forward(int signo) {
  if (++unanswered_ > impatience) {
    outcome_ = farewell{farewell::kind::detached, {}, signo};
    return;
  }
  mail_.send<process_is>(
      supervisor::signal_process{what_.container, what_.process, signo},
      // One that has just ended cannot be signalled; that is no error.
      poll_limit, [this](const answer<process_is>&) { --unanswered_; });
}

void session::resize() {
  auto size = size_of_terminal(STDIN_FILENO);
  mail_.send<process_is>(supervisor::resize_terminal{what_.container,
                                                     what_.process, size.rows,
                                                     size.columns},
                         // The wrong size for a moment is not worth an error.
                         poll_limit, [](const answer<process_is>&) {});
}

void session::take_signal(int signo) {
  if (signo == SIGWINCH) {
    if (what_.terminal)
      resize();
    return;
  }
  // Where keys go to the program's terminal, a signal comes from elsewhere and
  // is ours. Our own terminal's end is ours always.
  auto keys_are_forwarded = what_.terminal && what_.input;
  if (keys_are_forwarded || !what_.forward || signo == SIGHUP)
    outcome_ = farewell{farewell::kind::detached, {}, signo};
  else
    forward(signo);
}

/// Whatever follows from what has arrived.
void session::advance() {
  if (what_.weak && !ended_)
    hold_.renew(mail_, [this](const caf::error& err) {
      if (!ended_)
        fail(err, "hold the container of ");
    });
  for (auto& s : streams_) {
    if (s.pump.now() == output_pump::state::failed)
      outcome_ =
          refuse("cannot write the output", std::strerror(s.pump.error()));
    auto closed = s.pump.now() == output_pump::state::closed;
    if (closed && s.id == output_stream_id::out)
      outcome_ = farewell{farewell::kind::unread, {}, 0};
    auto paused = s.pause && !ended_ && steady::now() < *s.pause;
    auto ready = s.pump.now() == output_pump::state::idle || closed;
    if (outcome_ || s.done || s.asking)
      continue;
    if (ready && !paused)
      ask_output(s);
    else if (what_.hold && steady::now() >= s.asked + what_.renewal)
      renew(s);
  }
  send_again();
  auto written = [](const stream& s) {
    return s.done && s.pump.now() != output_pump::state::waiting;
  };
  if (!outcome_ && ended_ && written(streams_[0]) && written(streams_[1]))
    outcome_ = farewell{farewell::kind::ended, *ended_, 0, lost_};
}

int session::next_timeout() const {
  auto next = steady::time_point::max();
  for (const auto& s : streams_) {
    if (s.asking || s.done)
      continue;
    if (s.pause && s.pump.now() != output_pump::state::waiting)
      next = std::min(next, *s.pause);
    if (what_.hold)
      next = std::min(next, s.asked + what_.renewal);
  }
  if (what_.weak && !ended_)
    next = std::min(next, hold_.due());
  if (unsent_ && !ended_)
    next = std::min(next, send_at_);
  if (next == steady::time_point::max())
    return -1;
  auto left =
      std::chrono::ceil<std::chrono::milliseconds>(next - steady::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void session::wait() {
  // poll(2) passes over negative descriptors.
  auto writing = [](const stream& s) {
    return s.pump.now() == output_pump::state::waiting ? s.pump.fd() : -1;
  };
  auto reading = what_.input && !sending_ && !unsent_ && !input_over_;
  auto fds = std::array<pollfd, 5>{
      pollfd{mail_.poll_fd(), POLLIN, 0},
      pollfd{signals_.poll_fd(), POLLIN, 0},
      pollfd{reading ? STDIN_FILENO : -1, POLLIN, 0},
      pollfd{writing(streams_[0]), POLLOUT, 0},
      pollfd{writing(streams_[1]), POLLOUT, 0},
  };
  if (::poll(fds.data(), fds.size(), next_timeout()) < 0)
    return; // EINTR; the rest cannot happen to these descriptors
  if (fds[0].revents != 0)
    mail_.deliver();
  if (fds[1].revents != 0)
    while (auto signo = signals_.next())
      take_signal(signo);
  if (fds[2].revents != 0)
    read_input();
  if (fds[3].revents != 0)
    streams_[0].pump.write();
  if (fds[4].revents != 0)
    streams_[1].pump.write();
}

/// Says that we read no more, so that the program is not held back, nor its
/// container kept, until our lease is over.
void session::let_go() {
  auto answers = 0;
  for (auto& s : streams_) {
    auto request = request_for(s);
    request.follow = false;
    request.max = 1;
    mail_.send<output_chunk>(
        request, goodbye_limit,
        [&answers](const answer<output_chunk>&) { ++answers; });
  }
  while (answers < 2)
    (void)mail_.wait(nullptr);
}

result<farewell> session::run() {
  // A terminal has but one stream.
  streams_[0].done = !what_.output;
  streams_[1].done = !what_.output || what_.terminal;
  ask_end(poll_wait);
  ask_end(poll_wait / 2);
  if (what_.terminal)
    resize();
  for (;;) {
    advance();
    if (outcome_) {
      if (what_.hold && what_.output && !ended_)
        let_go();
      return std::move(*outcome_);
    }
    wait();
  }
}

} // namespace

result<farewell> follow(host& at, const followed& what,
                        const signal_gate& signals) {
  auto failed = [&](const kernel::sys_error& err) {
    return refuse("cannot follow " + name_of(what), to_string(err));
  };
  auto mail = courier::start(at.system(), at.api(),
                             [&at] { return at.connect_again(); });
  if (!mail)
    return failed(mail.error());
  auto raw = std::optional<raw_terminal>{};
  if (what.terminal && what.input) {
    auto entered = raw_terminal::enter(STDIN_FILENO);
    if (!entered)
      return failed(entered.error());
    raw.emplace(std::move(*entered));
  }
  return session{what, signals, std::move(*mail)}.run();
}

} // namespace reeve::console
