// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/container_lifecycle.hpp"

#include "tests/support/catch.hpp"

#include <random>
#include <utility>
#include <vector>

using namespace reeve::supervisor;
using namespace reeve::supervisor::container_event;
using namespace reeve::supervisor::container_effect;
using namespace std::chrono_literals;
using reeve::config::restart_policy;
using reeve::config::restart_type;
using command = container_command;
using phase = container_phase;
using way = work::direction;

using works = std::vector<work>;

namespace {

constexpr auto all_phases = {
    phase::creating, phase::running,    phase::pausing,    phase::paused,
    phase::stopping, phase::stopped,    phase::rebuilding, phase::failed,
    phase::held,     phase::destroying, phase::destroyed,  phase::gave_up};

constexpr auto all_commands = {command::run_process, command::set_limit,
                               command::pause,       command::resume,
                               command::start,       command::stop,
                               command::destroy,     command::destroy_forced};

const auto up = works{{way::make, layer::cgroup},
                      {way::make, layer::holder},
                      {way::make, layer::file_system},
                      {way::make, layer::configure},
                      {way::make, layer::processes}};
const auto down =
    works{{way::undo, layer::nested},    {way::undo, layer::processes},
          {way::undo, layer::configure}, {way::undo, layer::file_system},
          {way::undo, layer::holder},    {way::undo, layer::cgroup}};

/// A container whose work the test answers.
struct fixture {
  explicit fixture(restart_type type = restart_type::permanent) {
    auto policy = restart_policy{.type = type, .max_restarts = 2, .jitter = 0};
    state.rebuilds = restart_tracker{policy};
  }

  phase feed(const container_event::any& event) {
    auto done = step(state, event, {now});
    state = done.next;
    last = done.effects;
    refused = done.refused;
    for (const auto& effect : last) {
      if (auto* b = std::get_if<begin>(&effect)) {
        REQUIRE(state.doing == b->what); // one at a time
        begun.push_back(b->what);
      }
    }
    return state.phase;
  }

  phase give(command what) {
    return feed(command_given{what});
  }

  phase finish() {
    return feed(work_finished{state.serial});
  }

  /// Answers everything under way; the works that were begun on the way.
  works settle() {
    while (state.doing)
      finish();
    return std::exchange(begun, {});
  }

  phase create() {
    feed(create_requested{});
    settle();
    return state.phase;
  }

  template <class Effect>
  bool did() const {
    for (const auto& effect : last)
      if (std::holds_alternative<Effect>(effect))
        return true;
    return false;
  }

  container_state state;
  std::vector<container_effect::any> last;
  std::optional<container_refusal> refused;
  works begun;
  time_point now{1h};
};

std::vector<container_event::any> all_events() {
  auto all = std::vector<container_event::any>{
      create_requested{}, work_finished{1},   work_finished{9},
      work_failed{9, ""}, deadline_passed{9}, work_failed{9, "", true},
      timer_fired{9},     holder_died{},      found{},
      found{0b0111111}};
  for (auto what : all_commands)
    all.emplace_back(command_given{what});
  return all;
}

/// A state as it may be met in this phase.
container_state in(phase p, std::optional<work> doing) {
  auto s = container_state{};
  s.phase = p;
  s.serial = 9;
  s.standing = 0b0101111;
  s.doing = doing;
  return s;
}

} // namespace

TEST_CASE("container_lifecycle: layers are made in order and undone in reverse",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.feed(create_requested{});
  CHECK(uut.settle() == up);
  CHECK(uut.state.phase == phase::running);
  CHECK(uut.give(command::stop) == phase::stopping);
  CHECK(uut.settle() == down);
  CHECK(uut.state.phase == phase::stopped);
  // What is in it is still there.
  CHECK(uut.give(command::destroy) == phase::destroying);
  CHECK(uut.settle() == works{down.front()});
  CHECK(uut.state.phase == phase::destroyed);
  CHECK(uut.did<forget>());
}

TEST_CASE("container_lifecycle: whose nested ones stay is not destroyed, and "
          "tried again",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  if (GENERATE(true, false)) {
    uut.give(command::stop);
    uut.settle();
  }
  uut.give(command::destroy_forced);
  uut.feed(work_failed{uut.state.serial, "'a/b' stays"});
  while (uut.state.doing)
    uut.finish();
  CHECK(uut.state.phase == phase::failed);
  uut.begun = {down.front()};
  CHECK(uut.state.removed_later);
  uut.feed(timer_fired{uut.state.serial});
  CHECK(uut.settle() == works{down.front(), down.front()});
  CHECK(uut.state.phase == phase::destroyed);
}

TEST_CASE("container_lifecycle: a destroy amid a stop destroys what is nested",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  REQUIRE(uut.state.doing == down.front());
  auto first = uut.state.serial;
  uut.begun.clear();
  CHECK(uut.give(command::destroy_forced) == phase::destroying);
  CHECK(uut.begun == works{down.front()}); // asked for anew
  CHECK(uut.state.serial != first);
  uut.feed(work_finished{first});
  CHECK(uut.state.doing == down.front());
  uut.give(command::destroy_forced);
  CHECK(uut.begun == works{down.front()});
  CHECK(uut.settle().size() == down.size());
  CHECK(uut.state.phase == phase::destroyed);
}

TEST_CASE("container_lifecycle: a stopped container starts again",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  uut.settle();
  CHECK(uut.give(command::start) == phase::creating);
  CHECK(uut.settle() == up);
  CHECK(uut.state.phase == phase::running);
}

TEST_CASE("container_lifecycle: a layer that cannot be made takes down itself "
          "and those below it",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.feed(create_requested{});
  uut.finish();
  uut.finish();
  uut.begun.clear();
  CHECK(uut.feed(work_failed{uut.state.serial, "no such layer"})
        == phase::stopping);
  CHECK(uut.settle()
        == works{{way::undo, layer::file_system},
                 {way::undo, layer::holder},
                 {way::undo, layer::cgroup}});
  CHECK(uut.state.phase == phase::destroyed); // it never was
  CHECK(uut.state.errors
        == std::vector<work_error>{
            {{way::make, layer::file_system}, "no such layer"}});
}

TEST_CASE("container_lifecycle: a container that was up outlives a start that "
          "fails, one that was not does not",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  SECTION("was up") {
    uut.create();
    uut.give(command::stop);
    uut.settle();
    uut.give(command::start);
    uut.feed(work_failed{uut.state.serial, "no"});
    uut.settle();
    CHECK(uut.state.phase == phase::failed);
    CHECK_FALSE(uut.did<container_effect::arm_timer>());
  }
  SECTION("was not") {
    uut.feed(create_requested{});
    uut.feed(work_failed{uut.state.serial, "no"});
    uut.settle();
    CHECK(uut.state.phase == phase::destroyed);
  }
}

TEST_CASE("container_lifecycle: what is removed on exit is destroyed when it "
          "has stopped",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{restart_type::temporary};
  SECTION("by a command") {
    uut.feed(create_requested{true});
    uut.settle();
    uut.give(command::stop);
    uut.settle();
  }
  SECTION("by the death of PID 1") {
    uut.feed(create_requested{true});
    uut.settle();
    uut.feed(holder_died{});
    uut.settle();
  }
  SECTION("by the end of the machine") {
    uut.feed(found{{}, true});
    uut.settle();
  }
  CHECK(uut.state.phase == phase::destroyed);
  CHECK(uut.did<forget>());
}

TEST_CASE("container_lifecycle: a destroying that fails is tried again, with "
          "pauses that grow",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.feed(create_requested{});
  for (auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    while (uut.state.doing)
      uut.feed(work_failed{uut.state.serial, "busy"});
    CHECK(uut.state.phase == phase::failed);
    CHECK(uut.last.back()
          == container_effect::any{
              container_effect::arm_timer{uut.state.serial, pause}});
    CHECK(uut.feed(timer_fired{uut.state.serial}) == phase::destroying);
  }
  uut.settle();
  CHECK(uut.state.phase == phase::destroyed);
}

TEST_CASE("container_lifecycle: teardown goes on after a failure and keeps "
          "every error",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  for (std::size_t i = 0; i < down.size(); ++i)
    uut.feed(work_failed{uut.state.serial, "busy"});
  CHECK(uut.begun == down);
  CHECK(uut.state.phase == phase::failed);
  CHECK(uut.state.errors.size() == down.size());
  SECTION("and can be tried again") {
    uut.give(command::destroy);
    uut.settle();
    CHECK(uut.state.phase == phase::destroyed);
  }
  SECTION("and a start cleans up first") {
    uut.begun.clear();
    uut.give(command::start);
    auto both = down;
    both.insert(both.end(), up.begin(), up.end());
    CHECK(uut.settle() == both);
    CHECK(uut.state.phase == phase::running);
    CHECK(uut.state.errors.empty());
  }
}

TEST_CASE("container_lifecycle: with the groups all that stood on them is gone",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  uut.feed(deadline_passed{uut.state.serial}); // processes
  uut.feed(work_failed{uut.state.serial, "no"});
  uut.settle();
  CHECK(uut.state.phase == phase::stopped);
  CHECK(uut.state.standing.none());
  CHECK(uut.state.errors.size() == 2);
}

TEST_CASE("container_lifecycle: what the kernel does not let go of is held, "
          "frees the name and is tried again",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  while (uut.state.doing->what != layer::cgroup)
    uut.finish();
  auto deadline_is_ours = GENERATE(true, false);
  if (deadline_is_ours)
    uut.feed(deadline_passed{uut.state.serial});
  else
    uut.feed(work_failed{uut.state.serial, "a process is left", true});
  CHECK(uut.state.phase == phase::held);
  CHECK(uut.did<free_name>());
  CHECK(uut.last.back()
        == container_effect::any{
            container_effect::arm_timer{uut.state.serial, 1s}});
  uut.feed(timer_fired{uut.state.serial});
  CHECK(uut.state.doing == down.back());
  CHECK(uut.feed(deadline_passed{uut.state.serial}) == phase::held);
  CHECK_FALSE(uut.did<free_name>());
  CHECK(uut.last.back()
        == container_effect::any{
            container_effect::arm_timer{uut.state.serial, 2s}});
  SECTION("one that was to stop has stopped when the kernel lets go") {
    uut.feed(timer_fired{uut.state.serial});
    CHECK(uut.finish() == phase::stopped);
    CHECK_FALSE(uut.state.name_free);
    CHECK(uut.state.errors.empty());
  }
  SECTION("one that is to be destroyed is") {
    uut.give(command::destroy);
    uut.finish(); // what is nested in it
    CHECK(uut.feed(deadline_passed{uut.state.serial}) == phase::held);
    CHECK_FALSE(uut.did<free_name>());
    uut.feed(timer_fired{uut.state.serial});
    uut.settle();
    CHECK(uut.state.phase == phase::destroyed);
    CHECK(uut.did<forget>());
  }
}

TEST_CASE("container_lifecycle: a repeated stop may shorten the grace, never "
          "extend it",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.feed(command_given{command::stop, 1h});
  REQUIRE(uut.state.doing == down.front());
  if (GENERATE(false, true)) // what is nested in it is down
    uut.finish();
  auto shortened = container_effect::any{shorten_stop{uut.state.serial}};
  SECTION("by a shorter stop") {
    uut.feed(command_given{command::stop, 1s});
    CHECK(uut.last == std::vector{shortened});
    CHECK(uut.state.grace == 1000ms);
    uut.feed(command_given{command::stop, 2h});
    CHECK(uut.last.empty());
    CHECK(uut.state.grace == 1000ms);
  }
  SECTION("by a destroy") {
    CHECK(uut.feed(command_given{command::destroy_forced, 0ms})
          == phase::destroying);
    CHECK(uut.last.front() == shortened);
    uut.feed(command_given{command::destroy_forced, 0ms});
    CHECK(uut.last.empty());
  }
  SECTION("by each process's own") {
    uut.give(command::destroy_forced);
    CHECK(uut.last.front() == shortened);
    CHECK_FALSE(uut.state.grace);
  }
  SECTION("not once the processes are down") {
    while (uut.state.doing->what != layer::configure)
      uut.finish();
    uut.feed(command_given{command::stop, 0ms});
    CHECK(uut.last.empty());
  }
}

TEST_CASE("container_lifecycle: a command that is refused changes no grace",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.feed(command_given{command::stop, 5s});
  uut.feed(command_given{command::pause, 1s});
  CHECK(uut.refused);
  CHECK(uut.state.grace == 5000ms);
}

TEST_CASE("container_lifecycle: work may take as long as the steps that it is "
          "made of",
          "[supervisor][container_lifecycle]") {
  auto steps = reeve::config::deadlines{20s, 30s, 40s};
  CHECK(deadline_of({way::make, layer::cgroup}, steps)
        > 2 * steps.mount + steps.start);
  CHECK(deadline_of({way::undo, layer::cgroup}, steps) > 2 * steps.kill);
  CHECK(deadline_of({way::undo, layer::holder}, steps) > steps.kill);
  CHECK(deadline_of({way::make, layer::freezer}, steps) > steps.kill);
  CHECK(deadline_of({way::make, layer::file_system}, steps) > steps.mount);
  CHECK(deadline_of({way::make, layer::configure}, steps) > steps.start);
  CHECK(deadline_of({way::make, layer::processes}, steps) > steps.start);
  CHECK(deadline_of({way::undo, layer::processes}, steps) > kill_deadline);
}

TEST_CASE("container_lifecycle: an answer after its deadline is not taken for "
          "that of later work",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.feed(create_requested{});
  auto late = uut.state.serial;
  uut.feed(deadline_passed{late});
  auto before = uut.state;
  uut.feed(work_finished{late});
  uut.feed(deadline_passed{late});
  CHECK(uut.state == before);
}

TEST_CASE("container_lifecycle: a stop while creating waits for the work under "
          "way and undoes what stands",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.feed(create_requested{});
  uut.finish();
  uut.begun.clear();
  CHECK(uut.give(command::stop) == phase::stopping);
  CHECK(uut.begun.empty());
  CHECK(uut.settle()
        == works{{way::undo, layer::holder}, {way::undo, layer::cgroup}});
  CHECK(uut.state.phase == phase::destroyed); // it never was up
}

TEST_CASE("container_lifecycle: a paused container resumes, and a stop thaws "
          "it first",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  CHECK(uut.give(command::pause) == phase::pausing);
  CHECK(uut.finish() == phase::paused);
  SECTION("resume") {
    uut.give(command::resume);
    CHECK(uut.finish() == phase::running);
  }
  SECTION("stop") {
    uut.begun.clear();
    uut.give(command::stop);
    CHECK(uut.settle().front() == work{way::undo, layer::freezer});
    CHECK(uut.state.phase == phase::stopped);
  }
}

TEST_CASE("container_lifecycle: the last of pause and resume wins",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::pause);
  uut.give(command::resume);
  SECTION("resume") {
    uut.settle();
    CHECK(uut.state.phase == phase::running);
    CHECK_FALSE(uut.state.standing.test(6));
  }
  SECTION("pause") {
    uut.give(command::pause);
    uut.settle();
    CHECK(uut.state.phase == phase::paused);
  }
}

TEST_CASE("container_lifecycle: a freeze that fails leaves nothing half frozen",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::pause);
  uut.feed(work_failed{uut.state.serial, "busy"});
  CHECK(uut.state.doing == work{way::undo, layer::freezer});
  CHECK(uut.finish() == phase::running);
  CHECK(uut.state.errors.size() == 1);
}

TEST_CASE("container_lifecycle: a dead holder rebuilds the container, first at "
          "once, then after a back-off, at last not",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  CHECK(uut.feed(holder_died{}) == phase::rebuilding);
  auto both = down;
  both.insert(both.end(), up.begin(), up.end());
  CHECK(uut.settle() == both);
  CHECK(uut.state.phase == phase::running);

  uut.feed(holder_died{});
  CHECK(uut.settle() == down);
  CHECK(uut.last.back()
        == container_effect::any{
            container_effect::arm_timer{uut.state.serial, 100ms}});
  uut.feed(timer_fired{uut.state.serial});
  CHECK(uut.settle() == up);

  uut.feed(holder_died{});
  CHECK(uut.settle() == down);
  CHECK(uut.state.phase == phase::gave_up);
}

TEST_CASE("container_lifecycle: a process that gave up is answered by the "
          "policy of the container",
          "[supervisor][container_lifecycle]") {
  using reeve::config::gave_up_action;
  auto uut = fixture{restart_type::temporary};
  uut.create();
  auto both = down;
  both.insert(both.end(), up.begin(), up.end());

  SECTION("nothing follows") {
    CHECK(uut.feed(process_gave_up{"p"}) == phase::running);
    CHECK(uut.begun.empty());
  }
  SECTION("it gives up, too") {
    uut.state.on_process_gave_up = gave_up_action::stop_container;
    CHECK(uut.feed(process_gave_up{"p"}) == phase::stopping);
    CHECK(uut.settle() == down);
    CHECK(uut.state.phase == phase::gave_up);
    REQUIRE(uut.state.errors.size() == 1);
    CHECK(uut.state.errors[0].text == "p");

    SECTION("and can be started") {
      CHECK(uut.give(command::start) == phase::creating);
      CHECK(uut.settle() == up);
      CHECK(uut.state.phase == phase::running);
      CHECK(uut.state.errors.empty());
    }
    SECTION("or be called stopped") {
      CHECK(uut.give(command::stop) == phase::stopped);
    }
    SECTION("or be destroyed") {
      uut.give(command::destroy);
      uut.settle();
      CHECK(uut.state.phase == phase::destroyed);
    }
  }
  SECTION("a paused one is thawed first") {
    uut.state.on_process_gave_up = gave_up_action::stop_container;
    uut.give(command::pause);
    uut.settle();
    uut.feed(process_gave_up{"p"});
    CHECK(uut.settle().front() == work{way::undo, layer::freezer});
    CHECK(uut.state.phase == phase::gave_up);
  }
  SECTION("a stop on the way down is the user's wish") {
    uut.state.on_process_gave_up = gave_up_action::stop_container;
    uut.feed(process_gave_up{"p"});
    uut.give(command::stop);
    uut.settle();
    CHECK(uut.state.phase == phase::stopped);
  }
  SECTION("it is built again, so often and not more, whatever a dead holder "
          "leads to") {
    uut.state.on_process_gave_up = gave_up_action::rebuild_container;
    CHECK(uut.feed(process_gave_up{"p"}) == phase::rebuilding);
    CHECK(uut.feed(process_gave_up{"another"}) == phase::rebuilding);
    CHECK(uut.settle() == both);
    CHECK(uut.state.phase == phase::running);
    uut.feed(process_gave_up{"p"});
    CHECK(uut.settle() == down);
    // A failure on the way up is one more of them, and no stop.
    uut.feed(timer_fired{uut.state.serial});
    uut.feed(work_failed{uut.state.serial, "busy"});
    uut.settle();
    CHECK(uut.state.phase == phase::gave_up);
  }
}

TEST_CASE("container_lifecycle: too many restarts of all processes together "
          "are answered by the policy for that",
          "[supervisor][container_lifecycle]") {
  using reeve::config::gave_up_action;
  auto uut = fixture{};
  uut.create();
  SECTION("without a limit there are never too many") {
    for (int i = 0; i < 1000; ++i)
      CHECK(uut.feed(process_restarted{}) == phase::running);
  }
  uut.state.restarts =
      restart_tracker{restart_policy{.max_restarts = 2, .window = 10s}};
  SECTION("in the window it gives up, and a start by hand counts anew") {
    uut.feed(process_restarted{});
    uut.feed(process_restarted{});
    CHECK(uut.feed(process_restarted{}) == phase::stopping);
    uut.settle();
    CHECK(uut.state.phase == phase::gave_up);
    uut.give(command::start);
    uut.settle();
    CHECK(uut.feed(process_restarted{}) == phase::running);
    CHECK(uut.feed(process_restarted{}) == phase::running);
    CHECK(uut.feed(process_restarted{}) == phase::stopping);
  }
  SECTION("over a longer time they are not too many") {
    for (int i = 0; i < 20; ++i) {
      CHECK(uut.feed(process_restarted{}) == phase::running);
      uut.now += 6s;
    }
  }
  SECTION("it goes on, and says so") {
    uut.state.on_gave_up = gave_up_action::ignore;
    uut.feed(process_restarted{});
    uut.feed(process_restarted{});
    CHECK(uut.feed(process_restarted{}) == phase::running);
    CHECK(uut.last == std::vector<container_effect::any>{warn_of_restarts{}});
  }
}

TEST_CASE(
    "container_lifecycle: a process that gives up before its peers run is "
    "answered when they do",
    "[supervisor][container_lifecycle]") {
  using reeve::config::gave_up_action;
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  uut.settle();
  uut.give(command::start);
  while (uut.state.doing != up.back())
    uut.finish();
  CHECK(uut.feed(process_gave_up{"first"}) == phase::creating);
  CHECK(uut.feed(process_gave_up{"second"}) == phase::creating);
  SECTION("not at all if that is the policy") {
    CHECK(uut.finish() == phase::running);
    CHECK_FALSE(uut.state.doing);
  }
  SECTION("by an end") {
    uut.state.on_process_gave_up = gave_up_action::stop_container;
    CHECK(uut.finish() == phase::stopping);
    CHECK(uut.state.errors.front().text == "first");
    uut.settle();
    CHECK(uut.state.phase == phase::gave_up);
  }
  SECTION("by another one, in which it begins anew") {
    uut.state.on_process_gave_up = gave_up_action::rebuild_container;
    CHECK(uut.finish() == phase::rebuilding);
    CHECK(uut.state.anew);
    uut.settle();
    CHECK(uut.state.phase == phase::running);
  }
  SECTION("not any more when it was stopped meanwhile") {
    uut.state.on_process_gave_up = gave_up_action::stop_container;
    uut.give(command::stop);
    uut.settle();
    uut.give(command::start);
    uut.settle();
    CHECK(uut.state.phase == phase::running);
  }
}

TEST_CASE("container_lifecycle: what begins anew does so until it is up",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  CHECK(uut.state.anew);
  uut.create();
  CHECK_FALSE(uut.state.anew);
  SECTION("after the death of PID 1 all goes on as it was") {
    uut.feed(holder_died{});
    CHECK_FALSE(uut.state.anew);
  }
  SECTION("after a process gave up, also when the first try fails") {
    uut.state.on_process_gave_up =
        reeve::config::gave_up_action::rebuild_container;
    uut.feed(process_gave_up{"p"});
    while (uut.state.doing != up.front())
      uut.finish();
    CHECK(uut.feed(work_failed{uut.state.serial, "no"}) == phase::rebuilding);
    CHECK(uut.state.anew);
    uut.settle();
    uut.feed(timer_fired{uut.state.serial});
    uut.settle();
    CHECK(uut.state.phase == phase::running);
    CHECK_FALSE(uut.state.anew);
  }
  SECTION("after a start by hand") {
    uut.give(command::stop);
    uut.settle();
    uut.give(command::start);
    CHECK(uut.state.anew);
  }
  SECTION("but not what was found") {
    auto other = fixture{};
    other.feed(found{0b000001});
    CHECK_FALSE(other.state.anew);
  }
}

TEST_CASE("container_lifecycle: one that gave up is adopted as such",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  SECTION("when it was down") {
    CHECK(uut.feed(found{0, false, true}) == phase::gave_up);
    CHECK(uut.begun.empty());
  }
  SECTION("when its end was cut short") {
    CHECK(uut.feed(found{0b0111111, false, true}) == phase::stopping);
    CHECK(uut.settle() == down);
    CHECK(uut.state.phase == phase::gave_up);
  }
}

TEST_CASE("container_lifecycle: a dead holder stops a container whose policy "
          "is temporary",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{restart_type::temporary};
  uut.create();
  uut.feed(holder_died{});
  uut.settle();
  CHECK(uut.state.phase == phase::stopped);
}

TEST_CASE("container_lifecycle: a stop ends the waiting for a rebuild",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.feed(holder_died{});
  uut.settle();
  uut.feed(holder_died{});
  uut.settle();
  REQUIRE(uut.state.phase == phase::rebuilding);
  auto timer = uut.state.serial;
  CHECK(uut.give(command::stop) == phase::stopped);
  CHECK(uut.feed(timer_fired{timer}) == phase::stopped);
}

TEST_CASE("container_lifecycle: a new actor adopts what it finds",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  SECTION("nothing") {
    CHECK(uut.feed(found{}) == phase::stopped);
  }
  SECTION("a running container") {
    CHECK(uut.feed(found{0b0111111}) == phase::running);
    CHECK(uut.begun.empty());
  }
  SECTION("a frozen one, which it thaws") {
    CHECK(uut.feed(found{0b1111111}) == phase::paused);
    CHECK(uut.settle() == works{{way::undo, layer::freezer}});
    CHECK(uut.state.phase == phase::running);
  }
  SECTION("remains, which it clears away and rebuilds") {
    CHECK(uut.feed(found{0b000001}) == phase::rebuilding);
    CHECK(uut.settle().front() == work{way::undo, layer::cgroup});
    CHECK(uut.state.phase == phase::running);
  }
}

TEST_CASE("container_lifecycle: a refusal says what to do first",
          "[supervisor][container_lifecycle]") {
  CHECK(explain({command::run_process, phase::paused}, "a")
        == "container 'a' is paused: resume it first");
  CHECK(explain({command::destroy, phase::running}, "a")
        == "container 'a' is running: stop it first");
  CHECK(explain({command::pause, phase::stopped}, "a")
        == "container 'a' is stopped: start it first");
  CHECK(explain({command::start, phase::stopping}, "a")
        == "container 'a' is stopping: wait until it has stopped");
  CHECK(explain({command::run_process, phase::failed}, "a")
        == "container 'a' has failed: start it first");
}

TEST_CASE("container_lifecycle: a command is refused exactly where it is not "
          "allowed, with nothing done",
          "[supervisor][container_lifecycle]") {
  for (auto p : all_phases) {
    CHECK(allows(p, command::stop));
    CHECK(allows(p, command::destroy_forced));
    for (auto what : all_commands) {
      auto before = in(p, std::nullopt);
      auto done = step(before, command_given{what}, {});
      CHECK(done.refused.has_value() != allows(p, what));
      if (done.refused) {
        CHECK(done.next == before);
        CHECK(done.effects.empty());
        CHECK(explain(*done.refused, "a").back() != ' ');
      }
    }
  }
}

TEST_CASE("container_lifecycle: every event is defined in every phase",
          "[supervisor][container_lifecycle]") {
  for (auto p : all_phases) {
    for (auto doing : {std::optional<work>{}, std::optional{up.front()},
                       std::optional{down.front()}}) {
      for (const auto& event : all_events()) {
        CAPTURE(name_of(p), event.index());
        auto done = step(in(p, doing), event, {});
        CHECK(name_of(done.next.phase) != "unknown");
        CHECK(done.next.serial >= 9);
      }
    }
  }
}

TEST_CASE("container_lifecycle: destroyed is terminal",
          "[supervisor][container_lifecycle]") {
  auto dead = in(phase::destroyed, std::nullopt);
  for (const auto& event : all_events()) {
    auto done = step(dead, event, {});
    CHECK(done.next == dead);
    CHECK(done.effects.empty());
  }
}

TEST_CASE("container_lifecycle: from any walk a stop comes to rest and a "
          "forced destroy leaves nothing, when the kernel answers",
          "[supervisor][container_lifecycle]") {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    auto gen = std::mt19937{seed};
    auto pick = [&](int n) {
      return std::uniform_int_distribution{0, n - 1}(gen);
    };
    auto uut = fixture{static_cast<restart_type>(pick(3))};
    uut.feed(create_requested{});
    for (int i = 0; i < 80 && uut.state.phase != phase::destroyed; ++i) {
      uut.now += std::chrono::seconds{pick(40)};
      switch (pick(12)) {
      case 0:
        uut.feed(work_failed{uut.state.serial, "no"});
        break;
      case 1:
        uut.feed(deadline_passed{uut.state.serial});
        break;
      case 2:
        uut.feed(holder_died{});
        break;
      case 3:
        uut.feed(timer_fired{uut.state.serial});
        break;
      case 4:
        uut.give(std::data(all_commands)[pick(6)]); // not the destroying ones
        break;
      case 5:
        uut.feed(work_finished{uut.state.serial - 1});
        break;
      default:
        uut.finish();
      }
      // What is under way or up is never mistaken for rest.
      auto resting = uut.state.phase == phase::stopped
                     || uut.state.phase == phase::failed
                     || uut.state.phase == phase::held;
      if (resting && uut.state.phase != phase::held) // which tries again
        REQUIRE_FALSE(uut.state.doing);
      if (uut.state.phase == phase::stopped)
        REQUIRE(uut.state.standing.none());
      if (uut.state.phase == phase::running)
        REQUIRE(uut.state.standing == 0b0111111);
    }
    uut.give(command::stop);
    uut.settle();
    auto p = uut.state.phase;
    CHECK((p == phase::stopped || p == phase::failed || p == phase::held
           || p == phase::destroyed));
    uut.give(command::destroy_forced);
    uut.settle();
    CHECK(uut.state.phase == phase::destroyed);
    CHECK(uut.state.standing.none());
  }
}
