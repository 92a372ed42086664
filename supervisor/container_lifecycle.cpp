// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/container_lifecycle.hpp"

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

namespace {

using namespace container_event;
using namespace container_effect;
using phase = container_phase;
using command = container_command;
using direction = work::direction;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Between attempts to undo what the kernel or an error keeps.
constexpr milliseconds first_retry = 1s;
constexpr milliseconds longest_retry = 60s;

constexpr auto freeze = work{direction::make, layer::freezer};
constexpr auto thaw = work{direction::undo, layer::freezer};
constexpr auto stop_processes = work{direction::undo, layer::processes};
constexpr auto stop_nested = work{direction::undo, layer::nested};
// Ends PID 1 and everything else in the groups first.
constexpr auto remove_groups = work{direction::undo, layer::cgroup};

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

  void on(const create_requested& event) {
    if (!is_new())
      return;
    s().remove_on_exit = event.remove_on_exit;
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
    if (done == remove_groups)
      s().standing &= files_of_nested(); // the rest went with the last process
    else if (done.way == direction::undo)
      s().standing.reset(index(done.what));
    proceed(done, outcome::done);
  }

  void on(const work_failed& event) {
    if (!is_current(event.serial))
      return;
    s().timed_out |= event.timed_out && s().doing->way == direction::undo;
    fail(event.text);
  }

  void on(const deadline_passed& event) {
    on(work_failed{event.serial, "no answer within its deadline", true});
  }

  void on(const container_event::timer_fired& event) {
    if (s().doing || event.serial != s().serial)
      return;
    if (s().phase == phase::rebuilding)
      ascend();
    else if (s().phase == phase::held)
      begin_work(remove_groups);
    else if (s().phase == phase::failed && s().removed_later)
      destroy(s().grace);
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
      if (is_coming_up() && s().standing.test(index(layer::holder)))
        return lose_holder();
      return;
    case phase::stopping:
    case phase::stopped:
    case phase::gave_up:
    case phase::failed:
    case phase::held:
    case phase::destroying:
    case phase::destroyed:
      return;
    }
  }

  void on(const process_restarted&) {
    if (!s().restarts || !(is_up() || is_coming_up())
        || s().restarts->again(at_).action != restart_action::give_up
        || !is_up()) // the next one finds it too often, too
      return;
    if (s().on_gave_up == config::gave_up_action::ignore)
      return emit(warn_of_restarts{});
    give_up("too many restarts of all of them together");
  }

  void on(const process_gave_up& event) {
    if (is_coming_up() && !s().gave_up_early)
      s().gave_up_early = event.text;
    if (!is_up())
      return;
    switch (s().on_process_gave_up) {
    case config::gave_up_action::ignore:
      return;
    case config::gave_up_action::stop_container:
      return give_up(event.text);
    case config::gave_up_action::rebuild_container:
      s().errors = {{stop_processes, event.text}};
      s().anew = true;
      return rebuild();
    }
  }

  void on(const found& event) {
    if (!is_new())
      return;
    s().standing = event.standing;
    s().was_up = true;
    s().anew = false;
    s().remove_on_exit = event.remove_on_exit;
    auto down = event.gave_up ? phase::gave_up : phase::stopped;
    if (event.standing.none())
      return come_to_rest(down);
    if (event.gave_up)
      return turn_down(phase::stopping, down);
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

  bool is_up() {
    return s().phase == phase::running || s().phase == phase::pausing
           || s().phase == phase::paused;
  }

  bool is_coming_up() {
    return (s().phase == phase::creating || s().phase == phase::rebuilding)
           && s().heading == direction::make;
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
    if (what.way == direction::make)
      s().standing.set(index(what.what)); // half of it counts, too
    else
      s().tried.set(index(what.what));
    emit(begin{++s().serial, what});
  }

  void fail(std::string text) {
    auto failed = *std::exchange(s().doing, std::nullopt);
    if (s().phase != phase::held) // what keeps it is told already
      s().errors.push_back({failed, std::move(text)});
    proceed(failed, outcome::failed);
  }

  /// The one place that decides what follows on an answer.
  void proceed(const work& done, outcome how) {
    if (s().phase == phase::pausing || s().phase == phase::paused)
      return settle_freezer(done, how);
    if (s().phase == phase::held)
      return how == outcome::done ? be_let_go() : retry_later();
    if (s().heading == direction::undo)
      return descend();
    if (how == outcome::done)
      return ascend();
    collapse();
  }

  void ascend() {
    s().heading = direction::make;
    for (std::size_t i = 0; i < index(layer::nested); ++i)
      if (!s().standing.test(i))
        return begin_work({direction::make, static_cast<layer>(i)});
    s().standing.set(index(layer::nested)); // which others make
    s().rebuilds.on_started(at_.now);
    s().was_up = true;
    s().anew = false;
    s().retry_delay = 0ms;
    s().errors.clear();
    rest(phase::running);
    if (auto early = std::exchange(s().gave_up_early, std::nullopt))
      on(process_gave_up{std::move(*early)});
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
      return s().timed_out ? hold() : fail_to_undo();
    if (s().goal == phase::destroyed)
      return be_destroyed();
    if (s().goal != phase::running)
      return come_to_rest(s().goal);
    if (s().rebuild_delay == milliseconds::zero())
      return ascend();
    emit(container_effect::arm_timer{++s().serial, s().rebuild_delay});
  }

  /// It is down.
  void come_to_rest(phase in) {
    rest(in);
    if (is_unwanted())
      turn_down(phase::destroying, phase::destroyed);
  }

  [[nodiscard]] bool is_unwanted() {
    return s().goal == phase::destroyed || s().remove_on_exit || !s().was_up;
  }

  void fail_to_undo() {
    s().removed_later = is_unwanted();
    rest(phase::failed);
    if (s().removed_later)
      retry_later();
  }

  void hold() {
    s().removed_later = is_unwanted();
    rest(phase::held);
    if (!std::exchange(s().name_free, true))
      emit(free_name{});
    retry_later();
  }

  void retry_later() {
    s().retry_delay =
        std::clamp(2 * s().retry_delay, first_retry, longest_retry);
    emit(container_effect::arm_timer{++s().serial, s().retry_delay});
  }

  void be_let_go() {
    s().name_free = false;
    s().errors.clear();
    if (s().removed_later)
      return turn_down(phase::destroying, phase::destroyed);
    rest(phase::stopped);
  }

  void turn_down(phase through, phase to) {
    auto is_other = std::exchange(s().goal, to) != to;
    s().heading = direction::undo;
    s().tried.reset();
    s().timed_out = false;
    s().gave_up_early.reset(); // nothing of what it was about remains
    if (to == phase::destroyed && s().was_up) // also of one that is down
      s().standing.set(index(layer::nested));
    if (is_other && to == phase::destroyed && s().doing == stop_nested)
      begin_work(stop_nested); // in vain until now: it is another request
    change(through);
    if (!s().doing)
      descend();
  }

  /// Of a container that goes for good nothing may stay that is nested in it.
  [[nodiscard]] std::bitset<layer_count> files_of_nested() {
    std::bitset<layer_count> out;
    out.set(index(layer::nested), s().goal == phase::destroyed);
    return out;
  }

  /// It broke: a layer could not be made or its holder died.
  void collapse() {
    if (s().phase == phase::creating && !is_new())
      return turn_down(phase::stopping, phase::failed);
    // A rebuild that was begun for another reason is tried again.
    if (s().phase != phase::rebuilding
        && !wants_restart(s().rebuilds.policy(), exit_reason::lost()))
      return turn_down(phase::stopping, phase::stopped);
    rebuild();
  }

  void rebuild() {
    auto decision = s().rebuilds.again(at_);
    s().grace.reset();
    if (decision.action == restart_action::give_up)
      return turn_down(phase::stopping, phase::gave_up);
    s().rebuild_delay = decision.delay;
    turn_down(phase::rebuilding, phase::running);
  }

  void give_up(std::string why) {
    s().errors = {{stop_processes, std::move(why)}};
    s().grace.reset();
    turn_down(phase::stopping, phase::gave_up);
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
    if (s().phase != phase::stopped && s().phase != phase::failed
        && s().phase != phase::gave_up)
      return;
    s().rebuilds.reset();
    if (s().restarts)
      s().restarts->reset();
    s().rebuild_delay = milliseconds::zero();
    s().anew = true;
    s().removed_later = false;
    s().errors.clear();
    // What a failed teardown has left is undone first.
    turn_down(phase::creating, phase::running);
  }

  /// Which is shorter, a given grace or a process's own, is different from
  /// process to process: each sees for itself that it only gets less.
  void allow(std::optional<milliseconds> grace) {
    auto& now = s().grace;
    auto is_repeat =
        s().phase == phase::stopping || s().phase == phase::destroying;
    if (is_repeat && (grace == now || (grace && now && *grace > *now)))
      return;
    now = grace;
    if (s().doing == stop_processes || s().doing == stop_nested)
      emit(shorten_stop{s().serial});
  }

  void stop(std::optional<milliseconds> grace) {
    switch (s().phase) {
    case phase::creating:
    case phase::running:
    case phase::pausing:
    case phase::paused:
    case phase::rebuilding:
      allow(grace);
      s().errors.clear();
      return turn_down(phase::stopping, phase::stopped);
    case phase::gave_up: // and nobody builds it again
      s().errors.clear();
      return rest(phase::stopped);
    case phase::stopping:
      if (s().goal == phase::gave_up)
        s().goal = phase::stopped;
      return allow(grace);
    case phase::destroying:
      return allow(grace);
    case phase::stopped:
    case phase::failed:
    case phase::held:
    case phase::destroyed:
      return;
    }
  }

  void destroy(std::optional<milliseconds> grace) {
    if (s().phase == phase::destroyed)
      return;
    allow(grace);
    if (s().phase == phase::destroying)
      return;
    s().errors.clear();
    turn_down(phase::destroying, phase::destroyed);
  }

  moment at_;
  container_transition out_;
};

} // namespace

milliseconds deadline_of(const work& doing, const config::deadlines& steps) {
  constexpr milliseconds margin = 5s;
  auto is_making = doing.way == direction::make;
  switch (doing.what) {
  case layer::cgroup: // zygote, broker, seal; kill and remove, also if it fails
    return margin + 2 * steps.kill
           + (is_making ? 2 * steps.mount + steps.start : milliseconds{0});
  case layer::holder:
  case layer::freezer:
    return margin + steps.kill;
  case layer::file_system: // from a slow disk
    return std::max<milliseconds>(60s, margin + steps.mount);
  case layer::configure:
    return margin + steps.start;
  case layer::processes:
    return margin + (is_making ? steps.start : kill_deadline);
  case layer::nested:
    return margin;
  }
  return margin;
}

container_transition step(container_state state,
                          const container_event::any& event, moment at) {
  auto next = stepper{std::move(state), at};
  std::visit([&](const auto& e) { next.on(e); }, event);
  return next.take();
}

} // namespace reeve::supervisor
