// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Who is restarted with whom.

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <string>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using config::restart_strategy;
using config::restart_type;

class group_fixture {
public:
  instance reeve;

  config::container_spec spec = instance::spec("web");

  explicit group_fixture(restart_strategy strategy) {
    spec.supervision.strategy = strategy;
    for (const auto* id : {"a", "b", "c"}) {
      auto& one = spec.processes.emplace_back(instance::sleeper(id));
      one.restart.type = restart_type::permanent;
      one.restart.jitter = 0;
    }
  }

  config::process_spec& operator[](const std::string& id) {
    for (auto& one : spec.processes)
      if (one.id == id)
        return one;
    throw std::out_of_range{id};
  }

  void create() {
    reeve.create(spec);
    note();
  }

  void note() {
    pids_ = pids();
  }

  process_info now(const std::string& id) {
    return reeve.process_of("web", id);
  }

  void kill(const std::string& id) {
    REQUIRE(::kill(now(id).pid, SIGKILL) == 0);
  }

  // All run, and these are others than before.
  void await_new(const std::string& letters) {
    eventually("new ones are " + letters, [&] {
      for (const auto& [id, pid] : pids()) {
        auto is_new = letters.find(id) != std::string::npos;
        if (pid == 0 || (is_new && pid == pids_[id]))
          return false;
      }
      return true;
    });
    auto all = pids();
    for (const auto& [id, pid] : all) {
      auto is_new = letters.find(id) != std::string::npos;
      CAPTURE(id);
      CHECK((pid != pids_[id]) == is_new);
      CHECK(is_alive(pid));
      if (is_new)
        CHECK_FALSE(is_alive(pids_[id]));
    }
    pids_ = all;
  }

  std::uint64_t born(const std::string& id) {
    return kernel::start_time(now(id).pid).value().value();
  }

  // Nothing runs twice.
  void check_once() {
    CHECK(children_of(reeve.details_of("web").info.pid).size()
          == pids().size());
  }

private:
  std::map<std::string, pid_t> pids() {
    std::map<std::string, pid_t> out;
    for (const auto& one : reeve.details_of("web").processes)
      out[one.process] = one.phase == process_phase::running ? one.pid : 0;
    return out;
  }

  std::map<std::string, pid_t> pids_;
};

} // namespace

TEST_CASE("strategy: one_for_all restarts all of them, in their order",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  f["a"].restart.type = restart_type::transient;
  f.create();
  f.reeve.run("web", instance::sleeper("once")); // is in no group
  f.note();
  f.kill("b");
  f.await_new("abc");
  CHECK(f.born("a") <= f.born("b"));
  CHECK(f.born("b") <= f.born("c"));
  CHECK(f.now("a").last
        == exit_reason::stopped(exit_reason::signaled(SIGTERM, false)));
  CHECK(f.now("b").last == exit_reason::signaled(SIGKILL, false));
  for (const auto* id : {"a", "b", "c"})
    CHECK(f.now(id).restarts == 1);
  // It was b that failed.
  CHECK(f.now("a").restarts_in_window == 0);
  CHECK(f.now("b").restarts_in_window == 1);
  f.check_once();
}

TEST_CASE("strategy: rest_for_one restarts those behind it",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::rest_for_one};
  f.create();
  f.kill("b");
  f.await_new("bc");
  CHECK(f.born("b") <= f.born("c"));
  f.kill("c");
  f.await_new("c");
  f.kill("a");
  f.await_new("abc");
  f.check_once();
}

TEST_CASE("strategy: groups do not notice each other",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  f["a"].group = f["c"].group = "pair";
  f.create();
  f.kill("c");
  f.await_new("ac");
  f.kill("b");
  f.await_new("b");
}

TEST_CASE("strategy: all wait for the back-off of the one that failed",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  f["b"].restart.backoff_min = f["b"].restart.backoff_max = patiently(1s);
  f.create();
  f.kill("b");
  f.await_new("abc");
  f.kill("b");
  eventually("all are down", [&] {
    return f.now("a").phase == process_phase::waiting
           && f.now("b").phase == process_phase::backing_off
           && f.now("c").phase == process_phase::waiting;
  });
  CHECK(f.now("a").waits_for == std::vector<std::string>{"b"});
  CHECK(children_of(f.reeve.details_of("web").info.pid).empty());
  SECTION("or for somebody who does not") {
    f.reeve.ask<process_started>(start_process{"web", "b"});
    f.await_new("abc");
  }
  SECTION("and one that is stopped meanwhile stays so") {
    f.reeve.ask<process_is>(stop_process{"web", "a", 0});
    eventually("the others run again", [&] {
      return f.now("b").phase == process_phase::running
             && f.now("c").phase == process_phase::running;
    });
    CHECK(f.now("a").phase == process_phase::exited);
  }
}

TEST_CASE("strategy: an end that is answered by no restart takes nobody along",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  f["b"].argv = {"sh", "-c",
                 "trap 'exit 0' USR1; echo; while true; do sleep 0.01; done"};
  f["b"].restart.type = restart_type::transient;
  f.create();
  eventually("it listens",
             [&] { return f.reeve.output_so_far("web", "b") == "\n"; });
  auto others = f.now("a").pid + f.now("c").pid;
  SECTION("its own") {
    REQUIRE(::kill(f.now("b").pid, SIGUSR1) == 0);
    CHECK(f.reeve.wait("web", "b").last == exit_reason::exited(0));
  }
  SECTION("a stop") {
    f.reeve.ask<process_is>(stop_process{"web", "b", 0});
  }
  // A shell's whole life is time enough for a wrong one.
  f.reeve.shell("web", "true");
  CHECK(f.now("a").pid + f.now("c").pid == others);
  CHECK(f.now("a").phase == process_phase::running);
  CHECK(f.now("c").phase == process_phase::running);
}

TEST_CASE("strategy: who gives up takes those along that would be restarted",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::rest_for_one};
  f["b"].restart.max_restarts = 1;
  f.create();
  auto a = f.now("a").pid;
  f.kill("b");
  f.await_new("bc");
  f.kill("b");
  CHECK(f.reeve.wait("web", "b").phase == process_phase::gave_up);
  CHECK(f.reeve.wait("web", "c").last.kind == exit_kind::stopped);
  CHECK(f.now("a").pid == a);
  f.reeve.restart(); // and so it stays
  CHECK(f.now("b").phase == process_phase::gave_up);
  CHECK(f.now("c").phase == process_phase::exited);
  CHECK(f.now("a").pid == a);
}

TEST_CASE("strategy: a crash amidst a restart of all loses none of them",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  // Ends by itself as it should, and a policy would not bring it back.
  f["a"].restart.type = restart_type::transient;
  f["a"].argv = {"sh", "-c",
                 "trap 'exit 0' TERM; echo; while true; do sleep 0.01; done"};
  f["c"].argv = {"sh", "-c",
                 "trap 'sleep 0.7; exit 0' TERM; echo; "
                 "while true; do sleep 0.01; done"};
  f["c"].stop_grace = patiently(10s);
  f.create();
  for (const auto* id : {"a", "c"})
    eventually("it listens",
               [&] { return f.reeve.output_so_far("web", id) == "\n"; });
  f.kill("b");
  eventually("c is on its way down", [&] {
    return f.now("c").phase == process_phase::stopping
           && f.now("a").phase == process_phase::waiting;
  });
  SECTION("while one still goes down") {
    f.reeve.restart();
  }
  SECTION("and it is down when the next daemon comes") {
    auto pid = f.now("c").pid;
    f.reeve.go_down();
    eventually("it is down", [&] { return !is_alive(pid); });
    f.reeve.come_up();
  }
  f.await_new("abc");
  f.check_once();
}

TEST_CASE("strategy: the death of PID 1 amidst a restart of all loses none",
          "[integration][strategy]") {
  if (!is_root())
    return;
  group_fixture f{restart_strategy::one_for_all};
  f.spec.on_holder_death = config::holder_death::rebuild;
  f["b"].restart.backoff_min = f["b"].restart.backoff_max = 60s;
  f.create();
  f.kill("b");
  f.await_new("abc");
  f.kill("b");
  eventually("all are down", [&] {
    return f.now("a").phase == process_phase::waiting
           && f.now("c").phase == process_phase::waiting;
  });
  REQUIRE(::kill(f.reeve.details_of("web").info.pid, SIGKILL) == 0);
  f.await_new("abc");
  f.check_once();
  auto events = f.reeve.ask<event_batch>(get_events{}).events;
  CHECK(
      std::ranges::count(events, event_kind::container_rebuilding, &event::kind)
      == 1);
}
