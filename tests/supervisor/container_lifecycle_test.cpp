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

constexpr auto all_phases = {phase::creating,   phase::running,  phase::pausing,
                             phase::paused,     phase::stopping, phase::stopped,
                             phase::rebuilding, phase::failed,   phase::held,
                             phase::destroying, phase::destroyed};

constexpr auto all_commands = {command::run_process, command::set_limit,
                               command::pause,       command::resume,
                               command::start,       command::stop,
                               command::destroy,     command::destroy_forced};

const auto up = works{{way::make, layer::cgroup},
                      {way::make, layer::holder},
                      {way::make, layer::file_system},
                      {way::make, layer::configure},
                      {way::make, layer::processes}};
const auto down = works{{way::undo, layer::processes},
                        {way::undo, layer::configure},
                        {way::undo, layer::file_system},
                        {way::undo, layer::holder},
                        {way::undo, layer::cgroup}};

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
      work_failed{9, ""}, deadline_passed{9}, let_go{layer::cgroup},
      timer_fired{9},     holder_died{},      found{},
      found{0b011111}};
  for (auto what : all_commands)
    all.emplace_back(command_given{what});
  return all;
}

/// A state as it may be met in this phase.
container_state in(phase p, std::optional<work> doing) {
  auto s = container_state{};
  s.phase = p;
  s.serial = 9;
  s.standing = 0b001111;
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
  CHECK(uut.give(command::destroy) == phase::destroyed);
  CHECK(uut.did<forget>());
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
  CHECK(uut.state.phase == phase::failed);
  CHECK(uut.state.errors
        == std::vector<work_error>{
            {{way::make, layer::file_system}, "no such layer"}});
}

TEST_CASE("container_lifecycle: teardown goes on after a failure and keeps "
          "every error",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::destroy_forced);
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

TEST_CASE("container_lifecycle: what the kernel does not let go of is held and "
          "frees the name once",
          "[supervisor][container_lifecycle]") {
  auto uut = fixture{};
  uut.create();
  uut.give(command::stop);
  uut.feed(deadline_passed{uut.state.serial});
  uut.settle();
  CHECK(uut.state.phase == phase::held);
  CHECK(uut.did<free_name>());
  SECTION("it is destroyed when the kernel lets go") {
    CHECK(uut.feed(let_go{layer::processes}) == phase::destroyed);
    CHECK(uut.did<forget>());
  }
  SECTION("another try may fail or succeed") {
    uut.give(command::destroy);
    CHECK(uut.feed(deadline_passed{uut.state.serial}) == phase::held);
    CHECK_FALSE(uut.did<free_name>());
    uut.give(command::destroy);
    CHECK(uut.finish() == phase::destroyed);
  }
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
  CHECK(uut.state.phase == phase::stopped);
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
    CHECK_FALSE(uut.state.standing.test(5));
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
  CHECK(uut.state.phase == phase::failed);
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
    CHECK(uut.feed(found{0b011111}) == phase::running);
    CHECK(uut.begun.empty());
  }
  SECTION("a frozen one, which it thaws") {
    CHECK(uut.feed(found{0b111111}) == phase::paused);
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
      if (resting)
        REQUIRE_FALSE(uut.state.doing);
      if (uut.state.phase == phase::stopped)
        REQUIRE(uut.state.standing.none());
      if (uut.state.phase == phase::running)
        REQUIRE(uut.state.standing == 0b011111);
    }
    uut.give(command::stop);
    uut.settle();
    auto p = uut.state.phase;
    CHECK((p == phase::stopped || p == phase::failed || p == phase::held));
    uut.give(command::destroy_forced);
    uut.settle();
    CHECK(uut.state.phase == phase::destroyed);
    CHECK(uut.state.standing.none());
  }
}
