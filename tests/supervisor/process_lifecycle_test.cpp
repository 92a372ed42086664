// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/process_lifecycle.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>
#include <csignal>
#include <optional>
#include <random>
#include <utility>
#include <vector>

using namespace reeve::supervisor;
using namespace reeve::supervisor::process_event;
using namespace reeve::supervisor::process_effect;
using namespace std::chrono_literals;
using reeve::config::restart_policy;
using reeve::config::restart_type;
using phase = process_phase;

using effects = std::vector<process_effect::any>;

namespace {

const auto failure = exit_reason::exited(1);
constexpr auto polite = stop_requested{SIGTERM, 10s};

constexpr auto all_phases = {
    phase::created, phase::starting, phase::running,     phase::stopping,
    phase::exited,  phase::gave_up,  phase::backing_off, phase::held,
    phase::removed, phase::waiting};

/// A process whose time the test owns. Keeps the last effects.
struct fixture {
  explicit fixture(restart_type type = restart_type::permanent) {
    auto policy = restart_policy{.type = type, .max_restarts = 2, .jitter = 0};
    state.restarts = restart_tracker{policy};
  }

  phase feed(const process_event::any& event) {
    auto done = step(state, event, {now});
    state = done.next;
    last = done.effects;
    refused = done.refused;
    return state.phase;
  }

  phase run() {
    feed(start_requested{});
    return feed(started{state.run});
  }

  process_state state;
  effects last;
  std::optional<process_refusal> refused;
  time_point now{1h};
};

process_state in(phase p) {
  auto uut = fixture{};
  uut.state.phase = p;
  uut.state.run = 2;
  uut.state.timer = 2;
  uut.state.stop_signal = SIGTERM;
  uut.state.stop_deadline = uut.now + 1s;
  return uut.state;
}

std::vector<process_event::any> all_events() {
  return {start_requested{},
          start_requested{start_cause::rebuild},
          started{1},
          started{2},
          start_timed_out{1},
          start_timed_out{2},
          suspended{},
          resumed{},
          found_starting{2},
          ended{1, failure},
          ended{2, failure},
          ended{2, exit_reason::exited(0)},
          ended{2, exit_reason::start_failed(start_step::exec, 2)},
          polite,
          stop_requested{SIGTERM, 0ms},
          stand_by_requested{SIGTERM, 10s},
          turn_came{0},
          turn_came{1},
          turn_refused{0},
          became_ready{1},
          became_ready{2},
          timer_fired{1},
          timer_fired{2},
          holder_lost{},
          found_running{2, time_point{1h}},
          found_running{5, time_point{1h}},
          found_running{2, time_point{1h}, true},
          found_ended{2, failure},
          found_ended{2, failure, true},
          remove_requested{}};
}

} // namespace

TEST_CASE("process_lifecycle: a start spawns and a clean end of a transient "
          "process is final",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{restart_type::transient};
  CHECK(uut.feed(start_requested{}) == phase::starting);
  CHECK(uut.last == effects{spawn{1}});
  CHECK(uut.feed(started{1}) == phase::running);
  CHECK(uut.feed(ended{1, exit_reason::exited(0)}) == phase::exited);
  CHECK(uut.last == effects{report_exit{exit_reason::exited(0)}});
}

TEST_CASE("process_lifecycle: the first failure restarts at once, the second "
          "backs off, too many give up",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  CHECK(uut.feed(ended{1, failure}) == phase::starting);
  CHECK(uut.last == effects{report_exit{failure}, spawn{2}});
  uut.feed(started{2});
  CHECK(uut.feed(ended{2, failure}) == phase::backing_off);
  CHECK(uut.last
        == effects{report_exit{failure},
                   arm_timer{1, timer_use::backoff, 100ms}});
  CHECK(uut.feed(timer_fired{1}) == phase::starting);
  CHECK(uut.last == effects{spawn{3}});
  uut.feed(started{3});
  CHECK(uut.feed(ended{3, failure}) == phase::gave_up);
  CHECK(uut.last == effects{report_exit{exit_reason::gave_up(failure)}});
}

TEST_CASE("process_lifecycle: a start by hand after giving up starts afresh",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  for (auto i = 0; i < 2; ++i) {
    uut.feed(ended{uut.state.run, failure});
    uut.feed(timer_fired{uut.state.timer});
  }
  REQUIRE(uut.feed(ended{uut.state.run, failure}) == phase::gave_up);
  CHECK(uut.feed(start_requested{}) == phase::starting);
  CHECK(uut.feed(ended{uut.state.run, failure}) == phase::starting);
}

TEST_CASE("process_lifecycle: a start that fails counts as a failure",
          "[supervisor][process_lifecycle]") {
  auto reason = exit_reason::start_failed(start_step::exec, 2);
  auto uut = fixture{};
  uut.feed(start_requested{});
  CHECK(uut.feed(ended{1, reason}) == phase::starting);
  CHECK(uut.feed(ended{2, reason}) == phase::backing_off);
  auto once = fixture{restart_type::temporary};
  once.feed(start_requested{});
  CHECK(once.feed(ended{1, reason}) == phase::exited);
  CHECK(once.state.last == reason);
}

TEST_CASE("process_lifecycle: stopping climbs from the stop signal over "
          "SIGKILL to held",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  CHECK(uut.feed(polite) == phase::stopping);
  CHECK(uut.last
        == effects{send_signal{1, SIGTERM, target::process},
                   arm_timer{1, timer_use::grace, 10s}});
  CHECK(uut.feed(timer_fired{1}) == phase::stopping);
  CHECK(uut.last
        == effects{send_signal{1, SIGKILL, target::group},
                   arm_timer{2, timer_use::kill, kill_deadline}});
  CHECK(uut.feed(timer_fired{2}) == phase::held);
  CHECK(uut.last == effects{report_held{}});
  auto killed = exit_reason::signaled(SIGKILL, false);
  CHECK(uut.feed(ended{1, killed}) == phase::exited);
  CHECK(uut.state.last == exit_reason::stopped(killed));
}

TEST_CASE("process_lifecycle: a stopped permanent process stays stopped",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(polite);
  CHECK(uut.feed(ended{1, failure}) == phase::exited);
  CHECK(uut.last == effects{report_exit{exit_reason::stopped(failure)}});
}

TEST_CASE("process_lifecycle: a stop during the spawn signals as soon as there "
          "is a process",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.feed(start_requested{});
  CHECK(uut.feed(polite) == phase::stopping);
  CHECK(uut.last == effects{arm_timer{1, timer_use::grace, 10s}});
  SECTION("the process appears") {
    CHECK(uut.feed(started{1}) == phase::stopping);
    CHECK(uut.last == effects{send_signal{1, SIGTERM, target::process}});
  }
  SECTION("the process appears after the grace") {
    uut.feed(timer_fired{1});
    CHECK(uut.feed(started{1}) == phase::stopping);
    CHECK(uut.last == effects{send_signal{1, SIGKILL, target::group}});
  }
  SECTION("the spawn fails") {
    auto reason = exit_reason::start_failed(start_step::exec, 2);
    CHECK(uut.feed(ended{1, reason}) == phase::exited);
    CHECK(uut.state.last.kind == exit_kind::stopped);
  }
}

TEST_CASE("process_lifecycle: a repeated stop may shorten the grace, never "
          "extend it",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(polite);
  uut.now += 1s;
  uut.feed(polite);
  CHECK(uut.last.empty());
  uut.feed(stop_requested{SIGTERM, 2s});
  CHECK(uut.last == effects{arm_timer{2, timer_use::grace, 2s}});
  uut.feed(timer_fired{1});
  CHECK(uut.last.empty());
  uut.feed(stop_requested{SIGTERM, 0s});
  CHECK(uut.last
        == effects{send_signal{1, SIGKILL, target::group},
                   arm_timer{3, timer_use::kill, kill_deadline}});
}

TEST_CASE("process_lifecycle: a stop ends the waiting for a restart",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(ended{1, failure});
  REQUIRE(uut.feed(ended{2, failure}) == phase::backing_off);
  CHECK(uut.feed(polite) == phase::exited);
  CHECK(uut.feed(timer_fired{1}) == phase::exited);
  CHECK(uut.last.empty());
}

TEST_CASE("process_lifecycle: a report about an earlier run does not end its "
          "successor",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(ended{1, failure});
  uut.feed(started{2});
  CHECK(uut.feed(ended{1, failure}) == phase::running);
  CHECK(uut.last.empty());
}

TEST_CASE("process_lifecycle: a process that appears after its start was given "
          "up is killed",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{restart_type::temporary};
  uut.feed(start_requested{});
  uut.feed(ended{1, exit_reason::start_failed(start_step::order, ETIMEDOUT)});
  CHECK(uut.feed(started{1}) == phase::exited);
  CHECK(uut.last == effects{send_signal{1, SIGKILL, target::group}});
}

TEST_CASE("process_lifecycle: a lost holder leaves the restart to the "
          "container, unless the process is stopped meanwhile",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  CHECK(uut.feed(holder_lost{}) == phase::exited);
  CHECK(uut.last == effects{report_exit{exit_reason::lost()}});
  CHECK(wants_restart(restart_type::permanent, uut.state.last));
  SECTION("rebuilt") {
    CHECK(uut.feed(start_requested{start_cause::rebuild}) == phase::starting);
  }
  SECTION("stopped") {
    CHECK(uut.feed(polite) == phase::exited);
    CHECK_FALSE(wants_restart(restart_type::permanent, uut.state.last));
  }
}

TEST_CASE("process_lifecycle: a stop while it is lost is told, so that a "
          "rebuild does not start it",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(holder_lost{});
  CHECK(uut.feed(polite) == phase::exited);
  CHECK(uut.last
        == effects{report_exit{exit_reason::stopped(exit_reason::lost())}});
  uut.feed(start_requested{start_cause::rebuild});
  REQUIRE(uut.refused);
  CHECK(explain(*uut.refused, "web")
        == "process 'web' is exited: its restart policy does not bring it "
           "back");
  CHECK(uut.feed(start_requested{}) == phase::starting); // by hand it may
}

TEST_CASE("process_lifecycle: a rebuild starts what its policy brings back, "
          "and nothing else",
          "[supervisor][process_lifecycle]") {
  for (auto type : {restart_type::permanent, restart_type::transient,
                    restart_type::temporary}) {
    auto again = start_requested{start_cause::rebuild};
    auto fresh = fixture{type};
    auto wanted = type != restart_type::temporary;
    CHECK((fresh.feed(again) == phase::starting) == wanted);
    auto lost = fixture{type};
    lost.run();
    lost.feed(holder_lost{});
    CHECK((lost.feed(again) == phase::starting) == wanted);
  }
}

TEST_CASE("process_lifecycle: while its container is paused nothing is started",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  SECTION("an end is answered when it goes on") {
    uut.feed(suspended{});
    CHECK(uut.feed(ended{1, failure}) == phase::backing_off);
    CHECK(uut.last == effects{report_exit{failure}});
    CHECK(uut.feed(resumed{}) == phase::starting);
    CHECK(uut.last == effects{spawn{2}});
  }
  SECTION("a back-off that is over waits") {
    uut.feed(ended{1, failure});
    uut.feed(started{2});
    REQUIRE(uut.feed(ended{2, failure}) == phase::backing_off);
    auto timer = uut.state.timer;
    uut.feed(suspended{});
    CHECK(uut.feed(timer_fired{timer}) == phase::backing_off);
    CHECK(uut.last.empty());
    CHECK(uut.feed(resumed{}) == phase::starting);
    CHECK(uut.last == effects{spawn{3}});
  }
  SECTION("a back-off that is not over goes on when it goes on") {
    uut.feed(ended{1, failure});
    uut.feed(started{2});
    uut.feed(ended{2, failure});
    uut.feed(suspended{});
    CHECK(uut.feed(resumed{}) == phase::backing_off);
    CHECK(uut.last.empty());
    CHECK(uut.feed(timer_fired{uut.state.timer}) == phase::starting);
  }
  SECTION("a stop is served, and nothing comes later") {
    uut.feed(suspended{});
    uut.feed(ended{1, failure});
    CHECK(uut.feed(polite) == phase::exited);
    CHECK(uut.feed(resumed{}) == phase::exited);
    CHECK(uut.last.empty());
  }
}

TEST_CASE("process_lifecycle: a start that is not answered is killed, and its "
          "successor waits for its end",
          "[supervisor][process_lifecycle]") {
  auto late = exit_reason::start_failed(start_step::order, ETIMEDOUT);
  auto killed = exit_reason::signaled(SIGKILL, false);
  auto uut = fixture{};
  uut.feed(start_requested{});
  CHECK(uut.feed(start_timed_out{1}) == phase::starting);
  CHECK(uut.last
        == effects{send_signal{1, SIGKILL, target::group},
                   arm_timer{1, timer_use::kill, kill_deadline}});
  CHECK(uut.feed(start_timed_out{1}) == phase::starting);
  CHECK(uut.last.empty());
  SECTION("it comes up, and ends") {
    CHECK(uut.feed(started{1}) == phase::starting);
    CHECK(uut.last.empty());
    CHECK(uut.feed(ended{1, killed}) == phase::starting);
    CHECK(uut.last == effects{report_exit{late}, spawn{2}});
  }
  SECTION("it fails, and says why") {
    auto why = exit_reason::start_failed(start_step::exec, ENOENT);
    uut.feed(ended{1, why});
    CHECK(uut.last == effects{report_exit{why}, spawn{2}});
  }
  SECTION("the kernel does not let go of it at once") {
    CHECK(uut.feed(timer_fired{1}) == phase::held);
    CHECK(uut.last == effects{report_held{}});
    CHECK(uut.feed(ended{1, killed}) == phase::starting);
    CHECK(uut.last == effects{report_exit{late}, spawn{2}});
  }
  SECTION("it is stopped meanwhile") {
    uut.feed(stop_requested{SIGTERM, 0ms});
    CHECK(uut.feed(ended{1, killed}) == phase::exited);
    CHECK(uut.state.last == exit_reason::stopped(killed));
  }
}

TEST_CASE("process_lifecycle: a start that a frozen group keeps is killed when "
          "it thaws",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.feed(start_requested{});
  uut.feed(suspended{});
  uut.feed(start_timed_out{1});
  CHECK(uut.last == effects{send_signal{1, SIGKILL, target::group}});
  CHECK(uut.feed(resumed{}) == phase::starting);
  CHECK(uut.last == effects{arm_timer{1, timer_use::kill, kill_deadline}});
  uut.feed(ended{1, exit_reason::signaled(SIGKILL, false)});
  CHECK(uut.state.run == 2);
}

TEST_CASE("process_lifecycle: a start that an earlier daemon asked for is not "
          "taken for success",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  // By the record it is over when its container is being built again.
  uut.state.phase = GENERATE(phase::created, phase::exited);
  CHECK(uut.feed(found_starting{7}) == phase::starting);
  SECTION("it comes up") {
    CHECK(uut.feed(started{7}) == phase::running);
  }
  SECTION("it fails") {
    auto why = exit_reason::start_failed(start_step::exec, ENOENT);
    CHECK(uut.feed(ended{7, why}) == phase::starting);
    CHECK(uut.last == effects{report_exit{why}, spawn{8}});
  }
  SECTION("it hangs") {
    uut.feed(start_timed_out{7});
    CHECK(uut.state.overdue);
  }
}

TEST_CASE("process_lifecycle: a fresh actor adopts what runs and decides about "
          "what has ended",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  SECTION("running") {
    CHECK(uut.feed(found_running{7, uut.now - 1h}) == phase::running);
    CHECK(uut.last.empty());
    CHECK(uut.feed(ended{7, failure}) == phase::starting);
    CHECK(uut.last == effects{report_exit{failure}, spawn{8}});
  }
  SECTION("ended") {
    CHECK(uut.feed(found_ended{7, failure}) == phase::starting);
    CHECK(uut.last == effects{report_exit{failure}, spawn{8}});
  }
}

TEST_CASE("process_lifecycle: a refusal says what to do first",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.run();
  uut.feed(remove_requested{});
  REQUIRE(uut.refused);
  CHECK(explain(*uut.refused, "web")
        == "process 'web' is running: stop it first");
  uut.feed(polite);
  uut.feed(start_requested{});
  REQUIRE(uut.refused);
  CHECK(explain(*uut.refused, "web")
        == "process 'web' is stopping: wait until it has stopped");
}

TEST_CASE("process_lifecycle: every event is defined in every phase, and a "
          "refusal changes nothing",
          "[supervisor][process_lifecycle]") {
  for (auto p : all_phases) {
    for (const auto& event : all_events()) {
      CAPTURE(name_of(p), event.index());
      auto before = in(p);
      auto done = step(before, event, {time_point{1h}});
      CHECK(name_of(done.next.phase) != "unknown");
      CHECK(done.next.run >= before.run);
      CHECK(done.next.timer >= before.timer);
      if (done.refused) {
        CHECK(done.effects.empty());
        CHECK(done.next == before);
      }
      if (std::holds_alternative<stop_requested>(event))
        CHECK_FALSE(done.refused);
    }
  }
}

TEST_CASE("process_lifecycle: removed is terminal",
          "[supervisor][process_lifecycle]") {
  for (const auto& event : all_events())
    CHECK(step(in(phase::removed), event, {}).next == in(phase::removed));
}

TEST_CASE("process_lifecycle: one that takes turns is started in its turn only",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.state.rules.takes_turns = true;
  CHECK(uut.feed(start_requested{}) == phase::waiting);
  CHECK(uut.last.empty());
  CHECK(is_live(phase::waiting));
  CHECK(uut.feed(turn_came{0}) == phase::waiting); // of another time
  CHECK(uut.feed(turn_came{1}) == phase::starting);
  CHECK(uut.last == effects{spawn{1}});
  uut.feed(started{1});
  CHECK(uut.state.ready);
  SECTION("also after it has ended") {
    CHECK(uut.feed(ended{1, failure}) == phase::waiting);
    CHECK(uut.last == effects{report_exit{failure}});
    CHECK_FALSE(uut.state.ready);
    CHECK(uut.feed(turn_came{1}) == phase::waiting);
    CHECK(uut.feed(turn_came{2}) == phase::starting);
    CHECK(uut.last == effects{spawn{2}});
  }
  SECTION("also after a back-off") {
    uut.feed(ended{1, failure});
    uut.feed(turn_came{2});
    uut.feed(started{2});
    CHECK(uut.feed(ended{2, failure}) == phase::backing_off);
    CHECK(uut.feed(timer_fired{uut.state.timer}) == phase::waiting);
    CHECK(uut.last.empty());
  }
  SECTION("not while the container is paused") {
    uut.feed(ended{1, failure});
    uut.feed(suspended{});
    CHECK(uut.feed(turn_came{2}) == phase::waiting);
    CHECK(uut.last.empty());
    CHECK(uut.feed(resumed{}) == phase::starting);
    CHECK(uut.last == effects{spawn{2}});
  }
  SECTION("a stop ends the waiting") {
    uut.feed(ended{1, failure});
    CHECK(uut.feed(polite) == phase::exited);
    CHECK(uut.state.last == exit_reason::stopped(failure));
    CHECK(uut.feed(turn_came{2}) == phase::exited);
  }
  SECTION("the death of PID 1 leaves it to the container") {
    uut.feed(ended{1, failure});
    CHECK(uut.feed(holder_lost{}) == phase::exited);
    CHECK(uut.last.empty());
    CHECK(uut.feed(start_requested{start_cause::rebuild}) == phase::waiting);
  }
}

TEST_CASE("process_lifecycle: a turn that does not come is a failed start",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.state.rules = {true, 7s, {}};
  const auto late = exit_reason::start_failed(start_step::needs, ETIMEDOUT);
  const auto none = exit_reason::start_failed(start_step::needs, ECANCELED);
  SECTION("of a start by hand within its time") {
    uut.feed(start_requested{});
    CHECK(uut.last == effects{arm_timer{2, timer_use::turn, 7s}});
    CHECK(uut.feed(timer_fired{2}) == phase::waiting); // its first restart
    CHECK(uut.last == effects{report_exit{late}});
  }
  SECTION("of a restart only when it cannot come") {
    uut.feed(start_requested{});
    uut.feed(turn_came{1});
    uut.feed(started{1});
    uut.feed(ended{1, failure});
    CHECK(uut.last == effects{report_exit{failure}}); // no timer
    CHECK(uut.feed(turn_refused{1}) == phase::waiting);
    CHECK(uut.last.empty());
    CHECK(uut.feed(turn_refused{2}) == phase::backing_off);
    CHECK(uut.state.last == none);
    uut.feed(timer_fired{uut.state.timer});
    CHECK(uut.feed(turn_refused{3}) == phase::gave_up);
    CHECK(uut.state.last == exit_reason::gave_up(none));
  }
  SECTION("an answered start is not timed out by its old timer") {
    uut.feed(start_requested{});
    uut.feed(turn_came{1});
    CHECK(uut.feed(timer_fired{2}) == phase::starting);
    uut.feed(started{1});
    CHECK(uut.feed(timer_fired{2}) == phase::running);
    CHECK(uut.last.empty());
  }
}

TEST_CASE("process_lifecycle: who stands by stops and waits for its turn, and "
          "that is no failure",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.state.rules.takes_turns = true;
  uut.feed(start_requested{});
  uut.feed(turn_came{1});
  uut.feed(started{1});
  CHECK(uut.feed(stand_by_requested{SIGTERM, 10s}) == phase::stopping);
  CHECK(uut.last
        == effects{send_signal{1, SIGTERM, target::process},
                   arm_timer{uut.state.timer, timer_use::grace, 10s}});
  const auto old_timer = uut.state.timer;
  SECTION("it ends") {
    CHECK(uut.feed(ended{1, failure}) == phase::waiting);
    CHECK(uut.last == effects{report_exit{exit_reason::stopped(failure)}});
    CHECK(uut.state.restarts.restarts_in_window(uut.now) == 0);
    CHECK(uut.feed(timer_fired{old_timer}) == phase::waiting);
    CHECK(uut.feed(turn_came{2}) == phase::starting);
  }
  SECTION("it does not hear the signal") {
    uut.feed(timer_fired{old_timer});
    CHECK(uut.last.front()
          == process_effect::any{send_signal{1, SIGKILL, target::group}});
    CHECK(uut.feed(ended{1, exit_reason::signaled(SIGKILL, false)})
          == phase::waiting);
  }
  SECTION("a stop by hand makes it stay down") {
    uut.feed(polite);
    CHECK(uut.feed(ended{1, failure}) == phase::exited);
  }
  SECTION("the death of PID 1 is one that a rebuild answers") {
    uut.feed(ended{1, failure});
    CHECK(uut.feed(holder_lost{}) == phase::exited);
    CHECK(uut.state.last == exit_reason::lost());
    CHECK(uut.feed(start_requested{start_cause::rebuild}) == phase::waiting);
  }
  SECTION("what the next daemon finds of it") {
    auto next = fixture{restart_type::transient};
    next.state.rules.takes_turns = true;
    CHECK(next.feed(found_ended{1, exit_reason::exited(0), true})
          == phase::waiting);
    CHECK(
        next.last
        == effects{report_exit{exit_reason::stopped(exit_reason::exited(0))}});
  }
}

TEST_CASE("process_lifecycle: who is not ready in time has failed to start",
          "[supervisor][process_lifecycle]") {
  auto uut = fixture{};
  uut.state.rules.ready_timeout = 3s;
  uut.run();
  CHECK(uut.last == effects{arm_timer{1, timer_use::ready, 3s}});
  CHECK_FALSE(uut.state.ready);
  SECTION("in time") {
    CHECK(uut.feed(became_ready{7}) == phase::running); // another run
    CHECK(uut.last.empty());
    uut.feed(became_ready{1});
    CHECK(uut.last == effects{report_ready{}});
    CHECK(uut.state.ready);
    uut.feed(became_ready{1});
    CHECK(uut.last.empty());
    uut.feed(timer_fired{1});
    CHECK(uut.last.empty());
    uut.feed(ended{1, failure});
    CHECK_FALSE(uut.state.ready);
  }
  SECTION("late") {
    CHECK(uut.feed(timer_fired{1}) == phase::running);
    CHECK(uut.last
          == effects{send_signal{1, SIGKILL, target::group},
                     arm_timer{2, timer_use::kill, kill_deadline}});
    uut.feed(became_ready{1});
    CHECK(uut.last.empty()); // too late
    SECTION("and it dies") {
      const auto why = exit_reason::start_failed(start_step::ready, ETIMEDOUT);
      CHECK(uut.feed(ended{1, exit_reason::signaled(SIGKILL, false)})
            == phase::starting);
      CHECK(uut.last == effects{report_exit{why}, spawn{2}});
    }
    SECTION("and the kernel keeps it") {
      CHECK(uut.feed(timer_fired{2}) == phase::held);
    }
    SECTION("and a stop comes") {
      CHECK(uut.feed(polite) == phase::stopping);
      CHECK(uut.feed(ended{1, failure}) == phase::exited);
    }
  }
  SECTION("a paused container's time does not count") {
    uut.feed(suspended{});
    CHECK(uut.feed(timer_fired{1}) == phase::running);
    CHECK(uut.last.empty());
    uut.feed(resumed{});
    CHECK(uut.last == effects{arm_timer{2, timer_use::ready, 3s}});
  }
  SECTION("health counts from there") {
    // Two failures; the second run is long, but is never ready.
    uut.feed(ended{1, failure});
    uut.feed(started{2});
    uut.now += 1h;
    CHECK(uut.feed(ended{2, failure}) == phase::backing_off);
  }
  SECTION("what the next daemon finds of it") {
    auto next = fixture{};
    next.state.rules.ready_timeout = 3s;
    next.feed(found_running{1, next.now, true});
    CHECK(next.state.ready);
    CHECK(next.last.empty());
    auto other = fixture{};
    other.state.rules.ready_timeout = 3s;
    other.feed(found_running{1, other.now});
    CHECK(other.last == effects{arm_timer{1, timer_use::ready, 3s}});
  }
}

namespace {

/// Answers effects the way a kernel may: late, or never for a stuck process.
struct environment {
  std::optional<std::uint64_t> spawning;
  std::optional<std::uint64_t> alive;
  std::optional<std::uint64_t> timer;

  void take(const effects& list) {
    for (const auto& effect : list) {
      if (auto* s = std::get_if<spawn>(&effect)) {
        REQUIRE_FALSE(alive); // never two processes
        REQUIRE_FALSE(spawning);
        spawning = s->run;
      } else if (auto* t = std::get_if<arm_timer>(&effect)) {
        timer = t->timer;
      }
    }
  }
};

} // namespace

TEST_CASE("process_lifecycle: on any walk there are never two processes, and a "
          "stop ends it when the kernel answers",
          "[supervisor][process_lifecycle]") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    auto gen = std::mt19937{seed};
    auto pick = [&](int n) {
      return std::uniform_int_distribution{0, n - 1}(gen);
    };
    auto uut = fixture{static_cast<restart_type>(pick(3))};
    uut.state.rules.takes_turns = pick(2) == 0;
    if (pick(2) == 0)
      uut.state.rules.turn_timeout = 5s;
    if (pick(2) == 0)
      uut.state.rules.ready_timeout = 5s;
    auto env = environment{};
    auto feed = [&](const process_event::any& event) {
      uut.feed(event);
      auto was_told = std::holds_alternative<turn_came>(event)
                      || std::holds_alternative<resumed>(event);
      if (uut.state.rules.takes_turns && !was_told)
        for (const auto& effect : uut.last)
          REQUIRE_FALSE(std::holds_alternative<spawn>(effect));
      env.take(uut.last);
    };
    auto answer = [&] {
      if (env.spawning) {
        auto run = *std::exchange(env.spawning, {});
        if (pick(4) == 0)
          return feed(
              ended{run, exit_reason::start_failed(start_step::exec, 2)});
        env.alive = run;
        return feed(started{run});
      }
      if (env.alive)
        feed(
            ended{*std::exchange(env.alive, {}), exit_reason::exited(pick(2))});
    };
    for (int i = 0; i < 60; ++i) {
      uut.now += std::chrono::milliseconds{pick(3000)};
      switch (pick(12)) {
      case 8:
        feed(turn_came{uut.state.turn - static_cast<unsigned>(pick(2))});
        break;
      case 9:
        feed(turn_refused{uut.state.turn});
        break;
      case 10:
        feed(stand_by_requested{SIGTERM, std::chrono::seconds{pick(3)}});
        break;
      case 11:
        feed(became_ready{uut.state.run});
        break;
      case 6:
        feed(pick(2) == 0 ? process_event::any{suspended{}}
                          : process_event::any{resumed{}});
        break;
      case 7: // its answer comes later, or its end
        if (env.spawning)
          feed(start_timed_out{*env.spawning});
        break;
      case 0:
        feed(start_requested{});
        break;
      case 1:
        feed(stop_requested{SIGTERM, std::chrono::seconds{pick(3)}});
        break;
      case 2:
        if (env.timer)
          feed(timer_fired{*env.timer});
        break;
      case 3:
        env.spawning = env.alive = std::nullopt;
        feed(holder_lost{});
        break;
      default:
        answer();
      }
    }
    feed(polite);
    for (int i = 0; i < 3; ++i)
      answer();
    CHECK_FALSE(is_live(uut.state.phase));
    CHECK(uut.state.phase != phase::held);
    feed(remove_requested{});
    CHECK(uut.state.phase == phase::removed);
  }
}
