// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_handler.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "config/units.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/oom_work.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace reeve::supervisor {

namespace {

/// By the kernel.
struct memory_told {};

struct memory_looked {
  kernel::result<oom_look> found;
};

struct memory_acted {
  std::string text;         ///< for an event
  std::string refused = {}; ///< why it was not done
  bool is_felt = false;     ///< at once, if it was of any use
};

/// A look, or the end of patience; `serial` tells an old one.
struct memory_due {
  std::uint64_t serial = 0;
};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::memory_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::memory_looked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::memory_acted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::memory_due)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

using internal_actor = oom_handler_actor::extend<
    caf::reacts_to<memory_told>, caf::reacts_to<memory_looked>,
    caf::reacts_to<memory_acted>, caf::reacts_to<memory_due>>;

// What was done needs a moment to be felt: tasks wake up, others end.
constexpr auto settle_pause = 20ms;
constexpr auto settle_time = 500ms;
// Somebody may have made room, or have raised the limit.
constexpr auto ask_pause = 200ms;
// Page cache that comes and goes at the limit is told of again and again.
constexpr auto false_alarm_pause = 50ms;
constexpr auto failure_pause = 1000ms;

class oom_handler_state {
public:
  static constexpr const char* name = "oom_handler";

  using self_pointer = internal_actor::pointer;

  void init(self_pointer self, oom_options how) {
    self_ = self;
    how_ = std::move(how);
    status_.container = how_.container;
    // An earlier daemon that was killed could not let go of them.
    is_stopped_ = how_.cgroup->mode() == kernel::cgroup_mode::v2;
    go_on();
  }

  ~oom_handler_state() {
    if (watch_)
      how_.watch->unwatch(token_, watch_->fd());
    go_on();
  }

  void on(const handle_oom& msg) {
    policy_ = msg.policy;
    status_.policy = config::format_oom_policy(policy_);
    if (auto armed = kernel::set_oom_pause(*how_.cgroup, true); !armed)
      complain(armed.error());
    if (doing_ == activity::nothing) // whatever was before us, or is told
      return look_if_needed();
    if (doing_ == activity::asking
        && policy_.action != config::oom_action::freeze_and_ask)
      carry_out(next_step(policy_, status_.figures.limit, tried_));
  }

  [[nodiscard]] oom_status status() const {
    return status_;
  }

  caf::result<oom_status> decide(const decide_oom& msg) {
    if (doing_ != activity::asking)
      return make_error(
          errc::wrong_state,
          "container '" + how_.container + "' asks for no decision: it is "
              + (status_.is_out ? "" : "not ")
              + "out of memory, and its oom.policy is " + status_.policy);
    auto step = parse_decision(msg.decision, status_.figures.limit);
    if (!step)
      return make_error(errc::invalid_argument, to_string(step.error()));
    if (step->what == oom_step::kind::wait) {
      ask_for(step->patience);
      report(to_text(*step) + " by=answer");
      return status_;
    }
    auto promise = actors::owe<oom_status>(self_);
    decider_ = promise;
    carry_out(*step);
    return promise;
  }

  void on(memory_told) {
    watch_->take();
    is_told_ = true;
    if (doing_ == activity::nothing || doing_ == activity::settling)
      look_if_needed();
  }

  void on(memory_due event) {
    if (event.serial != serial_)
      return; // it was for something else
    switch (doing_) {
    case activity::nothing:
      return look_if_needed();
    case activity::settling:
      return settle();
    case activity::asking:
      return go_on_asking();
    case activity::working: // its end comes by itself
      return;
    }
  }

  void on(const memory_looked& event) {
    if (!event.found) {
      complain(event.found.error());
      return rest(failure_pause);
    }
    if (!event.found->is_out)
      return is_over(false_alarm_pause);
    if (!std::exchange(status_.is_out, true))
      ++status_.times;
    status_.figures = event.found->figures;
    carry_out(next_step(policy_, status_.figures.limit, tried_));
  }

  void on(const memory_acted& event) {
    auto is_done = event.refused.empty();
    if (is_done || !std::exchange(has_failed_, true))
      report(event.text + (is_done ? "" : ": ") + event.refused);
    if (is_done)
      go_on();
    if (auto decider = std::exchange(decider_, {})) {
      if (is_done)
        decider->deliver(status_);
      else
        decider->deliver(make_error(errc::refused_by_kernel, event.refused));
    }
    doing_ = activity::settling;
    settled_by_ = clock::now()
                  + (!is_done        ? failure_pause
                     : event.is_felt ? 2 * settle_pause
                                     : settle_time);
    watch_->take(); // what was told until now is what we have acted on
    listen_again();
    again_in(settle_pause);
  }

private:
  enum class activity : std::uint8_t {
    nothing,  ///< until the kernel tells
    working,  ///< on another thread
    settling, ///< whether that has helped is not to be seen yet
    asking,
  };

  // -- whether ----------------------------------------------------------------

  void look_if_needed() {
    if (!watch_ && !begin_watch())
      return rest(failure_pause);
    auto may_be = kernel::may_be_out_of_memory(*how_.cgroup);
    if (!may_be) {
      complain(may_be.error());
      return rest(failure_pause);
    }
    if (!*may_be)
      return is_over({});
    look();
  }

  void look() {
    doing_ = activity::working;
    elsewhere([group = how_.cgroup] {
      return memory_looked{look_at_memory(*group)};
    });
  }

  bool begin_watch() {
    auto watch = kernel::oom_watch::open(*how_.cgroup);
    if (!watch) {
      complain(watch.error());
      return false;
    }
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(self_);
    auto token =
        how_.watch->watch(watch->fd(), watch->events(), [weak](std::uint32_t) {
          if (auto strong = weak.lock())
            caf::anon_send(caf::actor_cast<internal_actor>(strong),
                           memory_told{});
        });
    if (!token) {
      complain(token.error());
      return false;
    }
    watch_ = std::move(*watch);
    token_ = *token;
    return true;
  }

  void is_over(milliseconds pause) {
    go_on();
    if (std::exchange(status_.is_out, false) && status_.answer_by != 0)
      stop_asking("over: there is room again");
    tried_ = {};
    has_failed_ = has_complained_ = false;
    rest(pause);
  }

  /// Until it is told, or sooner.
  void rest(milliseconds pause) {
    doing_ = activity::nothing;
    if (pause > 0ms)
      return again_in(pause);
    ++serial_;
    listen_again();
  }

  void listen_again() {
    if (std::exchange(is_told_, false))
      how_.watch->rearm(token_, watch_->fd(), watch_->events());
  }

  // -- what is done -----------------------------------------------------------

  void carry_out(const oom_step& step) {
    using kind = oom_step::kind;
    switch (step.what) {
    case kind::ask:
      return ask(step);
    case kind::raise:
      return raise(step);
    case kind::reclaim:
      tried_.reclaimed = true;
      return act(step, [group = how_.cgroup] {
        auto done = kernel::reclaim_all(*group);
        return memory_acted{{}, done ? "" : to_string(done.error()), true};
      });
    case kind::kill_largest:
      return kill(step, oom_victim::largest);
    case kind::kill_group:
      return kill(step, oom_victim::everybody);
    case kind::wait: // an answer, no step
      return;
    }
  }

  void kill(const oom_step& step, oom_victim who) {
    act(step, [group = how_.cgroup, witness = how_.witness, who] {
      auto killed = kill_for_memory(*group, who, *witness);
      if (!killed)
        return memory_acted{{}, to_string(killed.error())};
      std::string text = " killed=";
      for (auto pid : *killed)
        text.append(text.back() == '=' ? "" : ",").append(std::to_string(pid));
      return memory_acted{std::move(text)};
    });
  }

  template <class Work>
  void act(const oom_step& step, Work work) {
    begin_to_act();
    elsewhere([work = std::move(work), text = words_for(step)] {
      auto done = work();
      done.text.insert(0, text);
      return done;
    });
  }

  // In turn with other changes of limits. It is the limit of this run only:
  // the record keeps what somebody has set.
  void raise(const oom_step& step) {
    begin_to_act();
    actors::limit_change change;
    change.limits.memory_bytes = step.limit;
    auto text = words_for(step);
    self_->request(how_.controller, caf::infinite, actors::apply_limits{change})
        .then(
            [this, text](const actors::limit_readings&) {
              auto armed = kernel::set_oom_pause(*how_.cgroup, true);
              on(memory_acted{text, armed ? "" : to_string(armed.error())});
            },
            [this, text](const caf::error& why) {
              tried_.raise_refused = true;
              on(memory_acted{text, actors::text_of(why)});
            });
  }

  /// With what it is based on.
  [[nodiscard]] std::string words_for(const oom_step& step) const {
    const auto* who = decider_       ? " by=answer "
                      : tried_.asked ? " by=deadline "
                                     : " by=policy ";
    return to_text(step) + who + to_text(status_.figures);
  }

  void begin_to_act() {
    if (status_.answer_by != 0)
      stop_asking({});
    doing_ = activity::working;
    ++serial_;
  }

  void settle() {
    auto may_be = kernel::may_be_out_of_memory(*how_.cgroup);
    if (may_be && !*may_be)
      return is_over({});
    if (clock::now() < settled_by_)
      return again_in(settle_pause);
    look();
  }

  // -- asking -----------------------------------------------------------------

  void ask(const oom_step& step) {
    // Where the kernel pauses those that need memory, the others may go on, and
    // may free some.
    if (how_.cgroup->mode() == kernel::cgroup_mode::v2) {
      is_stopped_ = true;
      if (auto done = kernel::stop_user_processes(*how_.cgroup, true); !done)
        complain(done.error());
    }
    doing_ = activity::asking;
    ask_for(step.patience);
    report(words_for(step));
  }

  void ask_for(milliseconds patience) {
    asked_until_ = clock::now() + patience;
    status_.answer_by = kernel::unix_ms() + patience.count();
    again_in(std::min<milliseconds>(ask_pause, patience));
  }

  void go_on_asking() {
    auto may_be = kernel::may_be_out_of_memory(*how_.cgroup);
    if (may_be && !*may_be)
      return is_over({});
    auto left = std::chrono::ceil<milliseconds>(asked_until_ - clock::now());
    if (left > 0ms)
      return again_in(std::min<milliseconds>(ask_pause, left));
    tried_.asked = true;
    carry_out(next_step(policy_, status_.figures.limit, tried_));
  }

  void stop_asking(std::string text) {
    status_.answer_by = 0;
    report(std::move(text));
  }

  void go_on() {
    if (!is_stopped_)
      return;
    if (auto done = kernel::stop_user_processes(*how_.cgroup, false); !done)
      complain(done.error());
    else
      is_stopped_ = false;
  }

  // -- ways -------------------------------------------------------------------

  void report(std::string text) {
    if (!text.empty())
      status_.last = text;
    how_.on_report({std::move(text), status_.answer_by});
  }

  void complain(const kernel::sys_error& why) {
    if (!std::exchange(has_complained_, true))
      how_.log->error("container '{}': its oom.policy cannot be carried out, "
                      "which is tried again: {}",
                      how_.container, to_string(why));
  }

  void again_in(milliseconds pause) {
    self_->delayed_send(self_, pause, memory_due{++serial_});
  }

  template <class Work>
  void elsewhere(Work work) {
    auto me = caf::actor_cast<internal_actor>(self_);
    try {
      self_->system().spawn<caf::detached>(
          [me, work = std::move(work)] { caf::anon_send(me, work()); });
    } catch (const std::system_error& err) { // no thread is to be had
      how_.log->error("container '{}' is out of memory, and there is no thread "
                      "to look after it, which is tried again: {}",
                      how_.container, err.what());
      doing_ = activity::settling;
      settled_by_ = clock::now() + failure_pause;
      again_in(failure_pause);
    }
  }

  self_pointer self_ = nullptr;
  oom_options how_;
  config::oom_policy policy_;
  oom_status status_;
  activity doing_ = activity::nothing;
  oom_progress tried_;
  std::optional<kernel::oom_watch> watch_;
  actors::poller::token token_ = 0;
  bool is_told_ = false; ///< the watch rests until it is armed again
  std::uint64_t serial_ = 0;
  clock::time_point settled_by_;
  clock::time_point asked_until_;
  bool is_stopped_ = false;
  bool has_failed_ = false;     ///< this time, and was told
  bool has_complained_ = false; ///< this time
  std::optional<actors::owed_answer<oom_status>> decider_;
};

internal_actor::behavior_type
behavior(internal_actor::stateful_pointer<oom_handler_state> self,
         const oom_options& how) {
  self->state.init(self, how);
  auto s = actors::handlers_for(self);
  return {
      [=](const handle_oom& msg) { s->on(msg); },
      [=](const get_oom&) { return s->status(); },
      [=](const decide_oom& msg) { return s->decide(msg); },
      [=](memory_told event) { s->on(event); },
      [=](const memory_looked& event) { s->on(event); },
      [=](const memory_acted& event) { s->on(event); },
      [=](memory_due event) { s->on(event); },
  };
}

} // namespace

oom_handler_actor spawn_oom_handler(caf::actor_system& sys, oom_options how) {
  return caf::actor_cast<oom_handler_actor>(
      sys.spawn(behavior, std::move(how)));
}

} // namespace reeve::supervisor
