// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/container_lifecycle.hpp"

#include <utility>

namespace reeve::supervisor {

namespace {

using namespace container_event;
using namespace container_effect;
using phase = container_phase;
using command = container_command;
using direction = work::direction;
using std::chrono::milliseconds;

constexpr auto freeze = work{direction::make, layer::freezer};
constexpr auto thaw = work{direction::undo, layer::freezer};

constexpr std::size_t index(layer of) {
  return static_cast<std::size_t>(of);
}

/// Every layer that a running container stands on.
constexpr auto whole =
    std::bitset<layer_count>{(1U << index(layer::freezer)) - 1};

/// One step under way. Three moves make up everything: `ascend` and `descend`
/// begin the next work of a direction, `turn_down` changes the plan.
class stepper {
public:
  stepper(container_state state, moment at) : at_{at} {
    out_.next = std::move(state);
  }

  void on(const create_requested&) {
    if (is_new())
      ascend();
  }

  void on(const command_given& event) {
    if (!allows(s().phase, event.command)) {
      out_.refused = {event.command, s().phase};
      return;
    }
    switch (event.command) {
    case command::run_process:
    case command::set_limit:
      return; // allowed; changes nothing here
    case command::pause:
      return pause();
    case command::resume:
      return resume();
    case command::start:
      return start();
    case command::stop:
      return stop(event.grace);
    case command::destroy:
    case command::destroy_forced:
      return destroy(event.grace);
    }
  }

  void on(const work_finished& event) {
    if (!is_current(event.serial))
      return;
    auto done = *std::exchange(s().doing, std::nullopt);
    if (done.way == direction::undo)
      s().standing.reset(index(done.what));
    proceed(done, outcome::done);
  }

  void on(const work_failed& event) {
    if (is_current(event.serial))
      fail(event.text);
  }

  void on(const deadline_passed& event) {
    if (!is_current(event.serial))
      return;
    s().timed_out |= s().doing->way == direction::undo;
    fail("no answer within its deadline");
  }

  void on(const let_go& event) {
    if (s().phase != phase::held)
      return;
    s().standing.reset(index(event.what));
    if (s().standing.none())
      be_destroyed();
  }

  void on(const container_event::timer_fired& event) {
    if (s().phase == phase::rebuilding && !s().doing
        && event.serial == s().serial)
      ascend();
  }

  void on(const holder_died&) {
    switch (s().phase) {
    case phase::running:
    case phase::pausing:
    case phase::paused:
      return lose_holder();
    case phase::creating:
    case phase::rebuilding:
      // On the way down it is expected. On the way up the work under way may
      // never be answered now, but its deadline will.
      if (s().heading == direction::make
          && s().standing.test(index(layer::holder)))
        return lose_holder();
      return;
    case phase::stopping:
    case phase::stopped:
    case phase::failed:
    case phase::held:
    case phase::destroying:
    case phase::destroyed:
      return;
    }
  }

  void on(const found& event) {
    if (!is_new())
      return;
    s().standing = event.standing;
    if (event.standing.none())
      return rest(phase::stopped);
    if ((event.standing & whole) != whole)
      return collapse();
    rest(phase::running);
    if (event.standing.test(index(layer::freezer))) {
      change(phase::paused);
      begin_work(thaw);
    }
  }

  container_transition take() {
    return std::move(out_);
  }

private:
  enum class outcome : std::uint8_t { done, failed };

  container_state& s() {
    return out_.next;
  }

  bool is_new() {
    return s().phase == phase::creating && s().serial == 0;
  }

  bool is_current(std::uint64_t serial) {
    return s().doing && serial == s().serial;
  }

  void emit(container_effect::any effect) {
    out_.effects.push_back(effect);
  }

  void change(phase to) {
    if (s().phase == to)
      return;
    s().phase = to;
    emit(report_phase{to});
  }

  void rest(phase in) {
    s().goal = in;
    change(in);
  }

  void be_destroyed() {
    rest(phase::destroyed);
    emit(forget{});
  }

  void begin_work(work what) {
    s().doing = what;
    auto deadline = deadline_of(what);
    if (what.way == direction::make) {
      s().standing.set(index(what.what)); // half of it counts, too
    } else {
      s().tried.set(index(what.what));
      if (what.what == layer::processes)
        deadline += s().grace;
    }
    emit(begin{++s().serial, what, deadline});
  }

  void fail(std::string text) {
    auto failed = *std::exchange(s().doing, std::nullopt);
    s().errors.push_back({failed, std::move(text)});
    proceed(failed, outcome::failed);
  }

  /// The one place that decides what follows on an answer.
  void proceed(const work& done, outcome how) {
    if (s().phase == phase::pausing || s().phase == phase::paused)
      return settle_freezer(done, how);
    if (s().heading == direction::undo)
      return descend();
    if (how == outcome::done)
      return ascend();
    collapse();
  }

  void ascend() {
    s().heading = direction::make;
    for (std::size_t i = 0; i < index(layer::freezer); ++i)
      if (!s().standing.test(i))
        return begin_work({direction::make, static_cast<layer>(i)});
    s().rebuilds.on_started(at_.now);
    s().errors.clear();
    rest(phase::running);
  }

  void descend() {
    s().heading = direction::undo;
    for (auto i = layer_count; i-- > 0;)
      if (s().standing.test(i) && !s().tried.test(i))
        return begin_work({direction::undo, static_cast<layer>(i)});
    at_the_bottom();
  }

  void at_the_bottom() {
    if (s().standing.any())
      return s().timed_out ? hold() : rest(phase::failed);
    if (s().goal == phase::destroyed)
      return be_destroyed();
    if (s().goal != phase::running)
      return rest(s().goal);
    if (s().rebuild_delay == milliseconds::zero())
      return ascend();
    emit(container_effect::arm_timer{++s().serial, s().rebuild_delay});
  }

  void hold() {
    rest(phase::held);
    if (!std::exchange(s().name_free, true))
      emit(free_name{});
  }

  void turn_down(phase through, phase to) {
    s().goal = to;
    s().heading = direction::undo;
    s().tried.reset();
    s().timed_out = false;
    change(through);
    if (!s().doing)
      descend();
  }

  /// It broke: a layer could not be made or its holder died.
  void collapse() {
    if (s().phase == phase::creating && !is_new())
      return turn_down(phase::stopping, phase::failed);
    auto decision = s().rebuilds.on_exit(exit_reason::lost(), at_);
    switch (decision.action) {
    case restart_action::restart:
      s().rebuild_delay = decision.delay;
      return turn_down(phase::rebuilding, phase::running);
    case restart_action::do_not_restart:
      return turn_down(phase::stopping, phase::stopped);
    case restart_action::give_up:
      return turn_down(phase::stopping, phase::failed);
    }
  }

  void lose_holder() {
    s().errors.push_back({{direction::make, layer::holder}, "it died"});
    collapse();
  }

  void pause() {
    s().goal = phase::paused;
    if (s().phase != phase::running)
      return;
    s().errors.clear();
    change(phase::pausing);
    begin_work(freeze);
  }

  void resume() {
    s().goal = phase::running;
    if (s().phase == phase::paused && !s().doing)
      begin_work(thaw);
  }

  /// The answer may come when the opposite is wanted by now.
  void settle_freezer(const work& done, outcome how) {
    if (done == freeze && how == outcome::failed)
      s().goal = phase::running; // do not leave it half frozen
    if (done == thaw && how == outcome::failed)
      return rest(phase::paused);
    auto frozen = done == freeze;
    auto wanted = s().goal == phase::paused;
    if (frozen == wanted)
      return rest(s().goal);
    if (wanted)
      change(phase::pausing);
    begin_work(wanted ? freeze : thaw);
  }

  void start() {
    if (s().phase != phase::stopped && s().phase != phase::failed)
      return;
    s().rebuilds.reset();
    s().rebuild_delay = milliseconds::zero();
    s().errors.clear();
    // What a failed teardown has left is undone first.
    turn_down(phase::creating, phase::running);
  }

  void stop(milliseconds grace) {
    switch (s().phase) {
    case phase::creating:
    case phase::running:
    case phase::pausing:
    case phase::paused:
    case phase::rebuilding:
      s().grace = grace;
      s().errors.clear();
      return turn_down(phase::stopping, phase::stopped);
    case phase::stopping:
    case phase::stopped:
    case phase::failed:
    case phase::held:
    case phase::destroying:
    case phase::destroyed:
      return;
    }
  }

  void destroy(milliseconds grace) {
    if (s().phase == phase::destroying || s().phase == phase::destroyed)
      return;
    s().grace = grace;
    s().errors.clear();
    turn_down(phase::destroying, phase::destroyed);
  }

  moment at_;
  container_transition out_;
};

} // namespace

milliseconds deadline_of(const work& doing) {
  using namespace std::chrono_literals;
  switch (doing.what) {
  case layer::cgroup:
  case layer::holder:
  case layer::configure:
  case layer::freezer:
    return 10s;
  case layer::file_system: // a pull from a slow disk; a busy umount
    return 60s;
  case layer::processes: // on the way down: SIGKILL and a margin
    return 2 * kill_deadline;
  }
  return 10s;
}

container_transition step(container_state state,
                          const container_event::any& event, moment at) {
  auto next = stepper{std::move(state), at};
  std::visit([&](const auto& e) { next.on(e); }, event);
  return next.take();
}

} // namespace reeve::supervisor
