// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/output_forwarder.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "supervisor/log_outlet.hpp"
#include "supervisor/process_streams.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace reeve::supervisor {

namespace {

struct outlet_due {};
struct outlet_writable {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::forward_output)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::outlet_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::outlet_writable)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using delivery = log_outlet::delivery;
using internal_actor =
    output_forwarder_actor::extend<caf::reacts_to<outlet_due>,
                                   caf::reacts_to<outlet_writable>>;

// A line that is longer is cut in two: a journal's entry has its limits.
constexpr std::size_t longest_line = 48 * 1024;

// Before an outlet that is not there is tried again, and between two words to
// the process that we are, while it is full.
constexpr auto when_absent = 1s;
constexpr auto when_full = 5s;

// Well below what a follower is given.
constexpr auto poll_wait =
    std::chrono::milliseconds{process_streams::lease} / 3;

/// How far a stream was passed on, in a file.
class cursor_file {
public:
  [[nodiscard]] static std::uint64_t read(const std::string& path) {
    std::uint64_t out = 0;
    auto file =
        kernel::unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::pread(file.get(), &out, sizeof out, 0) != sizeof out)
      return 0; // never, or not all of it was written
    return out;
  }

  [[nodiscard]] kernel::result<void> write(const std::string& path,
                                           std::uint64_t offset) {
    if (!file_)
      file_ = kernel::unique_fd::adopt(
          ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file_
        || ::pwrite(file_.get(), &offset, sizeof offset, 0) != sizeof offset)
      return kernel::last_error("write", path);
    return {};
  }

private:
  kernel::unique_fd file_;
};

class forwarder_state {
public:
  static constexpr const char* name = "output_forwarder";

  using self_pointer = internal_actor::pointer;

  void init(self_pointer self, output_forwarder_options how) {
    self_ = self;
    how_ = std::move(how);
    begin_ = cursor_file::read(how_.cursor);
    self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
    self->monitor(how_.from);
  }

  void on(forward_output) {
    has_ended_ = false;
    ask();
  }

  void on(outlet_writable) {
    is_queued_ = is_waiting_ = false;
    pass_on();
  }

  void on(outlet_due) {
    has_timer_ = false;
    is_waiting_ = false;
    pass_on();
    if (is_waiting_ && config::blocks(how_.log))
      renew();
  }

private:
  [[nodiscard]] read_output request() const {
    auto out = read_output{how_.container, how_.process, how_.stream,
                           begin_ + pending_.size()};
    out.follow = true;
    out.reader = process_streams::forwarding_reader;
    out.times = true;
    return out;
  }

  // One question at a time, and none while there is something to pass on.
  void ask() {
    if (is_asking_ || is_waiting_ || has_ended_)
      return;
    is_asking_ = true;
    auto query = request();
    query.wait_ms = poll_wait.count();
    self_->request(how_.from, caf::infinite, std::move(query))
        .then([this](output_chunk& got) { take(got); },
              [this](const caf::error& err) {
                is_asking_ = false;
                complain(actors::text_of(err));
                try_again(when_absent);
              });
  }

  // Says that we are still here. What goes wrong with it does so again when we
  // read on.
  void renew() {
    auto query = request();
    query.max = 1;
    self_->request(how_.from, caf::infinite, std::move(query))
        .then([](const output_chunk&) {}, [](const caf::error&) {});
  }

  void take(output_chunk& got) {
    is_asking_ = false;
    auto expected = begin_ + pending_.size();
    if (got.offset < expected) { // the log is not what it was
      pending_.clear();
      times_.clear();
    }
    if (got.offset > expected)
      lose(got.offset - expected);
    // What stands for lost bytes is as if it had been before these.
    begin_ = got.offset - std::min<std::uint64_t>(got.offset, pending_.size());
    pending_ += got.bytes;
    times_.insert(times_.end(), got.times.begin(), got.times.end());
    is_at_end_ = got.at_end;
    has_ended_ = got.at_end && got.bytes.empty();
    pass_on();
  }

  // What we have of the line before the gap ends there.
  void lose(std::uint64_t bytes) {
    how_.on_loss(bytes);
    if (!pending_.empty())
      pending_ += '\n';
    pending_ += "reeve: " + std::to_string(bytes) + " bytes were lost here\n";
  }

  void pass_on() {
    std::size_t done = 0;
    while (done < pending_.size() && !is_waiting_) {
      auto rest = std::string_view{pending_}.substr(done);
      auto size = rest.substr(0, longest_line).find('\n');
      auto has_line = size != std::string_view::npos;
      if (!has_line && rest.size() < longest_line && !is_at_end_)
        break;
      if (!has_line)
        size = std::min(rest.size(), longest_line);
      if (!put(rest.substr(0, size), begin_ + done))
        break;
      done += size + (has_line ? 1 : 0);
    }
    if (done > 0)
      advance(done);
    ask();
  }

  bool put(std::string_view text, std::uint64_t offset) {
    if (text.ends_with('\r')) // of a terminal
      text.remove_suffix(1);
    auto line = log_line{how_.container, how_.process, how_.stream, text,
                         time_of(offset)};
    auto done = how_.with->outlet->put(how_.log.forward, line);
    if (!done) {
      complain(to_string(done.error()));
      try_again(when_absent);
      return false;
    }
    has_complained_ = false;
    if (*done == delivery::full)
      wait_for_room();
    return *done == delivery::taken;
  }

  void wait_for_room() {
    if (is_queued_)
      return try_again(when_full);
    auto me = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<internal_actor>(self_));
    auto asked = how_.with->outlet->call_when_writable(how_.log.forward, [me] {
      if (auto strong = me.lock())
        caf::anon_send(caf::actor_cast<internal_actor>(strong),
                       outlet_writable{});
    });
    is_queued_ = asked.has_value();
    if (!asked)
      complain(to_string(asked.error()));
    try_again(asked ? when_full : when_absent);
  }

  void advance(std::size_t bytes) {
    pending_.erase(0, bytes);
    begin_ += bytes;
    auto later = std::find_if(times_.begin(), times_.end(), [this](auto& item) {
      return item.offset > begin_;
    });
    if (later != times_.begin())
      times_.erase(times_.begin(), later - 1);
    if (auto ok = cursor_.write(how_.cursor, begin_); !ok)
      complain(to_string(ok.error()));
  }

  [[nodiscard]] std::int64_t time_of(std::uint64_t offset) const {
    std::int64_t out = 0;
    for (const auto& item : times_)
      if (item.offset <= offset)
        out = item.unix_ms;
    return out;
  }

  void try_again(std::chrono::milliseconds after) {
    is_waiting_ = true;
    if (!std::exchange(has_timer_, true))
      self_->delayed_send(self_, after, outlet_due{});
  }

  // Once for each time that it goes wrong.
  void complain(const std::string& why) {
    if (!std::exchange(has_complained_, true))
      how_.with->log->warn("cannot forward the output of process '{}' of "
                           "container '{}': {}",
                           how_.process, how_.container, why);
  }

  self_pointer self_ = nullptr;
  output_forwarder_options how_;
  cursor_file cursor_;
  std::uint64_t begin_ = 0; ///< offset of the first byte not passed on
  std::string pending_;     ///< from there on
  std::vector<output_time> times_;
  bool is_asking_ = false;
  bool is_waiting_ = false; ///< for the outlet
  bool has_timer_ = false;  ///< to try again
  bool is_queued_ = false;  ///< and is told when there is room in it
  bool is_at_end_ = false;  ///< of a run: what is pending is a last line
  bool has_ended_ = false;  ///< and we have it all
  bool has_complained_ = false;
};

internal_actor::behavior_type
forwarder_behavior(internal_actor::stateful_pointer<forwarder_state> self,
                   const output_forwarder_options& how) {
  self->state.init(self, how);
  auto s = actors::handlers_for(self);
  return {
      [=](forward_output event) { s->on(event); },
      [=](outlet_due event) { s->on(event); },
      [=](outlet_writable event) { s->on(event); },
  };
}

} // namespace

output_forwarder_actor spawn_output_forwarder(caf::actor_system& sys,
                                              output_forwarder_options how) {
  return caf::actor_cast<output_forwarder_actor>(
      sys.spawn(forwarder_behavior, std::move(how)));
}

} // namespace reeve::supervisor
