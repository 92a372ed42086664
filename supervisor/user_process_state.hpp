// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// The inside of the user_process actor, for its own sources only:
//
//   user_process.cpp            its messages, and the machine that it drives
//   user_process_starts.cpp     asking PID 1 for a run, and what comes of it
//   user_process_readiness.cpp  whether it serves
//   user_process_output.cpp     its standard streams, and who reads them
//   user_process_ends.cpp       how it ended, also before this daemon

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "supervisor/output_forwarder.hpp"
#include "supervisor/process_streams.hpp"
#include "supervisor/spawn_order.hpp"
#include "supervisor/user_process.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reeve::supervisor {

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

struct description_due {};

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

using process_internal_actor = user_process_actor::extend<
    caf::reacts_to<process_timer>, caf::reacts_to<output_news>,
    caf::reacts_to<output_retry>, caf::reacts_to<output_not_forwarded>,
    caf::reacts_to<input_writable>, caf::reacts_to<poll_expired>,
    caf::reacts_to<streams_over>, caf::reacts_to<description_due>,
    caf::reacts_to<start_impossible>, caf::reacts_to<start_deadline>,
    caf::reacts_to<look_whether_ready>, caf::reacts_to<probe_deadline>>;

/// Nothing more happens to it by itself.
bool is_final(process_phase phase);

class process_actor_state {
public:
  static constexpr const char* name = "user_process";

  using self_pointer = process_internal_actor::pointer;

  void init(self_pointer self, user_process_options how);

  // -- from its container

  caf::result<process_started> start(const bring_up& msg);
  void use(const use_holder& msg);
  void use(const use_rlimits& msg);
  void lose();
  void stand_by();
  void take(const take_turn& msg);
  void suspend();
  void resume();
  void on(const late_start& event);
  void on(const process_ready& event);
  void end(const end_process& msg);
  void restore(const restore_end& msg);
  process_is adopt(const adopt_process& msg);

  // -- requests

  caf::result<process_is> stop(const stop_process& msg);
  caf::result<process_is> remove();
  caf::result<process_is> signal(const signal_process& msg);
  caf::result<process_is> resize(const resize_terminal& msg);
  caf::result<process_is> write(const write_input& msg);
  caf::result<output_chunk> read(const read_output& msg);
  caf::result<process_is> wait(const wait_process& msg);
  process_is get();

  // -- what it tells itself

  void on(process_timer event);
  void on(start_impossible event);
  void on(start_deadline event);
  void on(look_whether_ready event);
  void on(probe_deadline event);
  void on(output_news);
  void on(output_retry);
  void on(output_not_forwarded event);
  void on(input_writable);
  void on(streams_over);
  void on(description_due);
  void on(poll_expired);

private:
  using clock = std::chrono::steady_clock;

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
      caf::anon_send(caf::actor_cast<process_internal_actor>(strong), what);
  }

  // -- user_process.cpp

  std::optional<process_refusal> apply(const process_event::any& event);
  std::optional<process_refusal> apply(const process_event::any& event,
                                       moment at);
  void answer_by_phase();
  void answer_stoppers();
  void carry_out(const process_effect::send_signal& effect);
  void carry_out(const process_effect::arm_timer& effect);
  void carry_out(const process_effect::report_exit& effect);
  void carry_out(const process_effect::report_ready&);
  void carry_out(const process_effect::report_held&);
  void carry_out(const process_effect::forget&);
  template <class Order>
  caf::result<process_is> forward(const Order& order);
  static clock::time_point until(std::int64_t wait_ms);
  process_info info();
  void note(event_kind kind, std::string text);
  [[nodiscard]] std::int64_t event_ms() const;
  [[nodiscard]] run_notes notes() const;
  [[nodiscard]] container_bounds bounds() const;
  void annotate();
  [[nodiscard]] int stop_signal() const;
  void changed();

  // -- user_process_starts.cpp

  void carry_out(const process_effect::spawn& effect);
  void on_spawned(std::uint64_t run, const actors::process_spawned& done);
  void on_start_failed(std::uint64_t run, start_step where, int code);
  void refuse_turn(const caf::error& why);
  void on_start_overdue(std::uint64_t run);
  void give_up_start(std::uint64_t run);
  void remember_failure(const actors::process_spawned& done);
  void keep_failure(const actors::process_spawned& done);
  void take_handles(const actors::process_spawned& handles);
  void find_pid();
  void take_pid(const actors::shared_fd& pidfd);
  [[nodiscard]] bool lacks_handles() const;
  [[nodiscard]] bool lacks_pid() const;
  void ask_for_missing();
  void ask_later();
  void on_described(const actors::known_process& known);
  void take_missing(const actors::known_process& known);
  void on_unknown(std::uint64_t process);
  void set_oom_score();
  void give_rlimits(const actors::shared_fd& pidfd);
  void answer_starters();
  void fail_starters();

  // -- user_process_readiness.cpp

  void watch_readiness();
  void probe();
  void probe_over(std::uint64_t probe, bool says_yes);
  void end_probe(const end_process& msg);
  void kill_probe(std::uint64_t probe);

  // -- user_process_output.cpp

  void reconnect(const actors::process_spawned& handles);
  bool take_rest_of(const actors::known_process& older);
  void keep_for_later();
  bool log_unless(const kernel::result<void>& ok);
  void finish_run(std::uint64_t process);
  void await_strays();
  void release_outputs();
  [[nodiscard]] bool has_streams() const;
  void release(std::uint64_t process, std::uint8_t streams);
  void serve_readers(bool over);
  void tell_when_read();
  void watch_room();
  void tell_of_drops();
  void spawn_forwarders(const caf::weak_actor_ptr& me);
  void forward_outputs();
  void arm_poll_timer();

  // -- user_process_ends.cpp

  exit_reason reason_of_end(const kernel::holder::process_state_report& of);
  exit_reason explained(const kernel::holder::end_of_process& end);
  void remember_end(std::uint64_t process);
  [[nodiscard]] bool may_tell_ends() const;
  void tell_ends();
  static time_point steady(std::int64_t realtime_ns);

  self_pointer self_ = nullptr;
  user_process_options how_;
  process_state state_;
  process_info info_;
  actors::namespace_holder_actor holder_;
  std::shared_ptr<const kernel::container_cgroup> cgroup_;
  std::unique_ptr<process_streams> streams_;
  actors::shared_fd pidfd_; ///< until its pid is known
  std::shared_ptr<const config::rlimit_list> ordered_rlimits_;
  bool asks_ = false; ///< PID 1 is asked for what did not come
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
  std::vector<std::uint64_t> untaken_;    ///< their output comes first
  std::uint64_t command_ = 0;             ///< that ran it first
  std::chrono::milliseconds late_by_{0};  ///< we see what happens now
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

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::process_timer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::output_not_forwarded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::input_writable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::poll_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::streams_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::description_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::start_impossible)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::start_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::look_whether_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::probe_deadline)
