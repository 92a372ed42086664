// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_handler.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "config/units.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_reclaim.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/oom_work.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace reeve::supervisor {

namespace {

/// By the kernel.
struct memory_told {};

struct memory_looked {
  kernel::result<oom_look> found;
};

struct memory_acted {
  std::string text = {};    ///< for an event
  std::string refused = {}; ///< why it was not done
  bool is_felt = false;     ///< at once, if it was of any use
  bool is_void = false;     ///< there was no need any more
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
// So long there must be room on v1 before it is believed.
constexpr auto doubt = 1000ms;

class oom_handler_state {
public:
  static constexpr const char* name = "oom_handler";

  using self_pointer = internal_actor::pointer;

  oom_handler_state() = default;
  oom_handler_state(const oom_handler_state&) = delete;
  oom_handler_state& operator=(const oom_handler_state&) = delete;

  void init(self_pointer self, oom_options how) {
    self_ = self;
    how_ = std::move(how);
    is_v2_ = how_.cgroup->mode() == kernel::cgroup_mode::v2;
    status_.container = how_.container;
    // An earlier daemon that was killed could not let go of them.
    is_stopped_ = is_v2_;
    go_on();
  }

  ~oom_handler_state() {
    if (watch_)
      how_.watch->unwatch(token_, watch_->fd());
    go_on();
  }

  void on(const handle_oom& msg) {
    auto before = std::exchange(policy_, msg.policy);
    status_.policy = config::format_oom_policy(policy_);
    switch (doing_) {
    case activity::nothing:
      seen_shortages_ = shortages(); // what is in use was so before
      return look_if_needed();
    case activity::asking:
      // The limit may be another one now.
      if (need() == kernel::memory_need::none)
        return is_over();
      if (policy_.action != config::oom_action::freeze_and_ask)
        return look();
      if (policy_.deadline != before.deadline)
        return ask_for(policy_.deadline);
      return;
    case activity::working:
    case activity::settling:
      return; // it is looked at after that
    }
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
    if (auto limits = kernel::get_memory_limits(*how_.cgroup))
      status_.figures.limit = limits->memory;
    auto step = parse_decision(msg.decision, status_.figures.limit);
    if (!step)
      return make_error(errc::invalid_argument, to_string(step.error()));
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
    // On v1 somebody who waits is not seen for the moment in which he tries.
    if (!std::exchange(status_.is_out, true)
        && clock::now() - over_since_ > doubt) {
      tried_ = {};
      has_failed_ = false;
      ++status_.times;
    }
    status_.figures = event.found->figures;
    carry_out(next_step(policy_, status_.figures.limit, tried_));
  }

  void on(const memory_acted& event) {
    auto is_done = event.refused.empty();
    if (!event.is_void && (is_done || !std::exchange(has_failed_, true)))
      report(event.text + (is_done ? "" : ": ") + event.refused);
    if (is_done) {
      go_on();
      hold_starts(false);
    }
    answer(event.refused);
    doing_ = activity::settling;
    settled_by_ = clock::now()
                  + (!is_done        ? failure_pause
                     : event.is_felt ? 2 * settle_pause
                                     : settle_time);
    seen_shortages_ = shortages();
    if (watch_) {
      watch_->take(); // what was told until now is what we have acted on
      listen_again();
    }
    again_in(settle_pause);
  }

private:
  enum class activity : std::uint8_t {
    nothing,  ///< until the kernel tells
    working,  ///< on another thread, or by another actor
    settling, ///< whether that has helped is not to be seen yet
    asking,
  };

  // -- whether ----------------------------------------------------------------

  void look_if_needed() {
    if (!watch_ && !begin_watch())
      return rest(failure_pause);
    auto now = need();
    if (!now)
      return rest(failure_pause);
    switch (*now) {
    case kernel::memory_need::none:
      return is_over();
    case kernel::memory_need::unfounded:
      return wake_up();
    case kernel::memory_need::real:
      return look();
    }
  }

  /// On v2 it takes somebody who is refused memory: what is in use is no harm.
  /// Nothing if it cannot be known now.
  [[nodiscard]] std::optional<kernel::memory_need> need() {
    auto now = kernel::get_memory_need(*how_.cgroup);
    if (!now) {
      complain(now.error());
      return std::nullopt;
    }
    auto is_quiet =
        is_v2_ && doing_ != activity::asking && shortages() <= seen_shortages_;
    return is_quiet ? kernel::memory_need::none : *now;
  }

  [[nodiscard]] std::uint64_t shortages() const {
    return is_v2_ ? kernel::count_shortages(*how_.cgroup).value_or(0) : 0;
  }

  /// Who began to wait when there was room already is told by nobody. Not at
  /// once: it may be for a group above this one, or just about to go on.
  void wake_up() {
    auto was_doubtful = is_doubtful_;
    is_over(failure_pause);
    is_doubtful_ = !was_doubtful;
    if (was_doubtful)
      self_->send(how_.controller, actors::wake_for_memory{});
  }

  void look() {
    begin_to_work();
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

  void is_over(milliseconds pause = {}) {
    go_on();
    if (std::exchange(status_.is_out, false))
      over_since_ = clock::now();
    if (status_.answer_by != 0)
      stop_asking("over: there is room again");
    hold_starts(false);
    has_complained_ = is_doubtful_ = false;
    rest(pause);
  }

  /// Until it is told, or until then, whatever is told.
  void rest(milliseconds pause) {
    doing_ = activity::nothing;
    if (is_stopped_) // it was refused, and nobody else would tell
      pause = std::max<milliseconds>(pause, failure_pause);
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
    case kind::wait:
      ask_for(step.patience);
      report(words_for(step));
      return answer({});
    case kind::raise:
      return raise(step);
    case kind::reclaim:
      tried_.reclaimed = true;
      return reclaim(step);
    case kind::kill_largest:
      return kill_one(step);
    case kind::kill_group:
      return kill_all(step);
    }
  }

  void kill_one(const oom_step& step) {
    act(step, [group = how_.cgroup, witness = how_.witness] {
      auto killed = kill_largest(*group, *witness);
      if (!killed)
        return memory_acted{{}, to_string(killed.error())};
      if (*killed == 0)
        return memory_acted{.is_felt = true, .is_void = true};
      return memory_acted{" killed=" + std::to_string(*killed)};
    });
  }

  void reclaim(const oom_step& step) {
    act(step, [group = how_.cgroup] {
      auto done = kernel::reclaim_memory(*group, kernel::no_limit);
      return memory_acted{{}, done ? "" : to_string(done.error()), true};
    });
  }

  template <class Work>
  void act(const oom_step& step, Work work) {
    auto text = words_for(step);
    begin_to_act();
    elsewhere([work = std::move(work), text = std::move(text)] {
      auto done = work();
      done.text.insert(0, text);
      return done;
    });
  }

  void kill_all(const oom_step& step) {
    auto text = words_for(step);
    if (auto all = how_.cgroup->pids(kernel::members::user_processes))
      text += " killed=" + std::to_string(all->size()) + "_processes";
    begin_to_act();
    hold_starts(true);
    how_.witness->expect_everybody();
    ask_controller<actors::cgroup_done>(
        text, actors::kill_cgroup{},
        [witness = how_.witness] { witness->killed_everybody(); });
  }

  // In turn with other changes of limits. It is the limit of this run only:
  // the record keeps what somebody has set.
  void raise(const oom_step& step) {
    auto text = words_for(step);
    begin_to_act();
    actors::limit_change change;
    change.limits.memory_bytes = step.limit;
    change.raises = true;
    tried_.raise_refused = true; // if it is not answered well
    ask_controller<actors::limit_readings>(
        text, actors::apply_limits{change},
        [this] { tried_.raise_refused = false; });
  }

  template <class Reply, class Order, class Then>
  void ask_controller(const std::string& text, Order order, Then then) {
    self_->request(how_.controller, caf::infinite, std::move(order))
        .then(
            [this, text, then](const Reply&) {
              then();
              on(memory_acted{text});
            },
            [this, text](const caf::error& why) {
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
    begin_to_work();
  }

  void begin_to_work() {
    doing_ = activity::working;
    ++serial_;
  }

  void answer(const std::string& refused) {
    auto decider = std::exchange(decider_, {});
    if (!decider)
      return;
    if (refused.empty())
      decider->deliver(status_);
    else
      decider->deliver(make_error(errc::refused_by_kernel, refused));
  }

  void settle() {
    if (need() != kernel::memory_need::real)
      return look_if_needed();
    if (clock::now() < settled_by_)
      return again_in(settle_pause);
    look();
  }

  // -- asking -----------------------------------------------------------------

  void ask(const oom_step& step) {
    // Where the kernel pauses those that need memory, the others may go on, and
    // may free some.
    if (is_v2_) {
      is_stopped_ = true;
      if (auto done = kernel::stop_user_processes(*how_.cgroup); !done)
        complain(done.error());
    }
    room_since_.reset();
    holds_starts_ = true;
    ask_for(step.patience);
    report(words_for(step));
  }

  void ask_for(milliseconds patience) {
    doing_ = activity::asking;
    asked_until_ = clock::now() + patience;
    status_.answer_by = kernel::unix_ms() + patience.count();
    again_in(std::min<milliseconds>(ask_pause, patience));
  }

  void go_on_asking() {
    if (auto now = need(); !now || now == kernel::memory_need::real)
      room_since_.reset();
    else if (!room_since_)
      room_since_ = clock::now();
    // Each page that somebody else frees has those on v1 try who wait.
    if (room_since_ && (is_v2_ || clock::now() - *room_since_ > doubt))
      return look_if_needed();
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
    if (auto done = kernel::continue_user_processes(*how_.cgroup); !done)
      complain(done.error());
    else
      is_stopped_ = false;
  }

  // -- ways -------------------------------------------------------------------

  void report(std::string text) {
    if (!text.empty())
      status_.last = text;
    how_.on_report({std::move(text), status_.answer_by, holds_starts_});
  }

  void hold_starts(bool does) {
    if (std::exchange(holds_starts_, does) != does)
      report({});
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
      on(memory_acted{"no thread to look after it",
                      std::string{"which is tried again: "} + err.what()});
    }
  }

  self_pointer self_ = nullptr;
  oom_options how_;
  bool is_v2_ = false;
  config::oom_policy policy_;
  oom_status status_;
  activity doing_ = activity::nothing;
  oom_progress tried_;
  std::optional<kernel::oom_watch> watch_;
  actors::poller::token token_ = 0;
  bool is_told_ = false;     ///< the watch rests until it is armed again
  std::uint64_t serial_ = 0; ///< of the timer that counts
  std::uint64_t seen_shortages_ = 0;
  clock::time_point settled_by_;
  clock::time_point asked_until_;
  clock::time_point over_since_;
  std::optional<clock::time_point> room_since_; ///< while somebody is asked
  bool is_stopped_ = false;
  bool holds_starts_ = false;   ///< see `oom_report`
  bool is_doubtful_ = false;    ///< somebody waits for nothing
  bool has_failed_ = false;     ///< this time, and was told
  bool has_complained_ = false; ///< this time
  std::optional<actors::owed_answer<oom_status>> decider_;
};

internal_actor::behavior_type
oom_handler_behavior(internal_actor::stateful_pointer<oom_handler_state> self,
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
      sys.spawn(oom_handler_behavior, std::move(how)));
}

} // namespace reeve::supervisor
