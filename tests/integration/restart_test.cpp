// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using config::restart_type;

// Runs until it is told how to end: SIGUSR1 exits with 0, SIGUSR2 with 3.
config::process_spec obedient(const std::string& id, restart_type type) {
  auto out = instance::process(
      id, {"sh", "-c",
           "trap 'exit 0' USR1; trap 'exit 3' USR2; echo ready; "
           "while true; do sleep 0.01; done"});
  out.restart.type = type;
  out.restart.max_restarts = 100;
  out.restart.backoff_min = 1ms;
  out.restart.backoff_max = 10ms;
  return out;
}

config::process_spec sleeper(const std::string& id, restart_type type) {
  auto out = instance::sleeper(id);
  out.restart.type = type;
  out.restart.jitter = 0;
  return out;
}

std::chrono::milliseconds since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec}
         + std::chrono::milliseconds{now.tv_nsec / 1'000'000};
}

// When the kernel says that the process began, to a tick.
std::chrono::milliseconds birth_of(pid_t pid) {
  auto ticks = kernel::start_time(pid).value().value();
  return std::chrono::milliseconds{
      ticks * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK))};
}

class restarts {
public:
  instance reeve;

  process_info now(const std::string& id) {
    return reeve.process_of("web", id);
  }

  pid_t next_pid(const std::string& id, pid_t old) {
    eventually("'" + id + "' runs again", [&] {
      auto info = now(id);
      return info.phase == process_phase::running && info.pid != old;
    });
    return now(id).pid;
  }

  void await(const std::string& id, process_phase phase) {
    eventually("'" + id + "' is " + std::string{name_of(phase)},
               [&] { return now(id).phase == phase; });
  }

  // Kills it, and again at once when it is back: the first restart is
  // immediate, the second one waits.
  void drive_to_back_off(const std::string& id) {
    auto pid = now(id).pid;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    pid = next_pid(id, pid);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    await(id, process_phase::backing_off);
  }
};

} // namespace

TEST_CASE("restart: permanent after any end, transient after abnormal ones, "
          "temporary never",
          "[integration][restart]") {
  if (!is_root())
    return;
  struct ending {
    int signal;
    exit_reason reason;
    bool normal;
  };
  const ending endings[] = {
      {SIGUSR1, exit_reason::exited(0), true},
      {SIGUSR2, exit_reason::exited(3), false},
      {SIGTERM, exit_reason::signaled(SIGTERM, false), false},
      {SIGKILL, exit_reason::signaled(SIGKILL, false), false},
  };
  restarts r;
  r.reeve.create("web");
  for (auto type : {restart_type::permanent, restart_type::transient,
                    restart_type::temporary})
    for (const auto& how : endings) {
      auto pid = r.reeve.run("web", obedient("main", type)).pid;
      eventually("it has its traps", [&] {
        return r.reeve.output_so_far("web", "main") == "ready\n";
      });
      REQUIRE(::kill(pid, how.signal) == 0);
      if (type == restart_type::permanent
          || (type == restart_type::transient && !how.normal)) {
        auto next = r.next_pid("main", pid);
        CHECK(is_alive(next));
        CHECK(parent_of(next) == r.reeve.details_of("web").info.pid);
        CHECK(r.now("main").restarts == 1);
      } else {
        CHECK(r.reeve.wait("web", "main").phase == process_phase::exited);
        eventually("nothing of it is left", [&] { // its last sleep was orphaned
          return children_of(r.reeve.details_of("web").info.pid).empty();
        });
        CHECK(r.now("main").restarts == 0);
      }
      CHECK(r.now("main").last == how.reason);
      r.reeve.ask<process_is>(stop_process{"web", "main", 0});
      r.reeve.ask<process_is>(remove_process{"web", "main"});
    }
}

TEST_CASE("restart: too many of them and it gives up, which is no stop",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  auto spec =
      instance::process("main", {"sh", "-c", "echo run >> /runs; exit 4"});
  spec.restart.type = restart_type::permanent;
  spec.restart.max_restarts = 3;
  spec.restart.backoff_min = 1ms;
  spec.restart.backoff_max = 2ms;
  r.reeve.run("web", spec);
  auto info = r.reeve.wait("web", "main");
  CHECK(info.phase == process_phase::gave_up);
  CHECK(info.last == exit_reason::gave_up(exit_reason::exited(4)));
  CHECK(info.restarts == 3);
  CHECK(r.reeve.shell("web", "cat /runs").out == "run\nrun\nrun\nrun\n");
  // Asked to stop afterwards, it has still given up.
  r.reeve.ask<process_is>(stop_process{"web", "main", -1});
  CHECK(r.now("main").last.kind == exit_kind::gave_up);
  CHECK(r.reeve.phase_of("web") == container_phase::running);
  // By hand it gets all its chances again.
  r.reeve.ask<process_started>(start_process{"web", "main"});
  CHECK(r.reeve.wait("web", "main").phase == process_phase::gave_up);
  CHECK(r.reeve.shell("web", "wc -l < /runs").out == "8\n");
}

TEST_CASE("restart: the back-off is told and kept", "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  auto spec = sleeper("main", restart_type::permanent);
  // Long enough for us to see it.
  const auto pause = patiently(200ms);
  spec.restart.backoff_min = pause;
  spec.restart.backoff_factor = 2;
  r.reeve.run("web", spec);
  for (auto delay : {0ms, pause, 2 * pause}) {
    auto pid = r.now("main").pid;
    auto killed = since_boot();
    REQUIRE(::kill(pid, SIGKILL) == 0);
    if (delay > 0ms) {
      r.await("main", process_phase::backing_off);
      auto info = r.now("main");
      CHECK(info.next_restart_ms - info.since_ms >= delay.count() - 1);
      CHECK(info.next_restart_ms - info.since_ms
            <= (delay + patiently(100ms)).count());
    }
    auto waited = birth_of(r.next_pid("main", pid)) - killed;
    auto tick = 10ms;
    CHECK(waited >= delay - tick);
    CHECK(waited < delay + patiently(2s));
    CHECK(r.now("main").next_restart_ms == 0);
  }
}

TEST_CASE("restart: a start that fails is tried again under the same policy",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  r.reeve.shell("web", "mkdir /x; cp -L $(which sleep) /x/sleep");
  auto spec = sleeper("main", restart_type::permanent);
  spec.argv[0] = "/x/sleep";
  spec.restart.max_restarts = 1000;
  spec.restart.backoff_min = 20ms;
  spec.restart.backoff_max = 20ms;
  auto pid = r.reeve.run("web", spec).pid;
  r.reeve.shell("web", "mv /x /y");
  REQUIRE(::kill(pid, SIGKILL) == 0);
  eventually("its start has failed", [&] {
    return r.now("main").last.kind == exit_kind::start_failed;
  });
  CHECK(r.now("main").last
        == exit_reason::start_failed(start_step::exec, ENOENT));
  eventually("none is left between two attempts", [&] {
    return children_of(r.reeve.details_of("web").info.pid).empty();
  });
  r.reeve.shell("web", "mv /y /x");
  CHECK(is_alive(r.next_pid("main", pid)));
}

TEST_CASE("restart: starts that fail too often make it give up",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  r.reeve.shell("web", "mkdir /x; cp -L $(which sleep) /x/sleep");
  auto spec = sleeper("main", restart_type::permanent);
  spec.argv[0] = "/x/sleep";
  spec.restart.max_restarts = 3;
  spec.restart.backoff_min = 1ms;
  spec.restart.backoff_max = 1ms;
  auto pid = r.reeve.run("web", spec).pid;
  r.reeve.shell("web", "rm -r /x");
  REQUIRE(::kill(pid, SIGKILL) == 0);
  auto info = r.reeve.wait("web", "main");
  CHECK(info.phase == process_phase::gave_up);
  CHECK(info.last
        == exit_reason::gave_up(
            exit_reason::start_failed(start_step::exec, ENOENT)));
}

TEST_CASE("restart: a stop during the back-off is served at once",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  for (const auto* id : {"a", "b"}) {
    auto spec = sleeper(id, restart_type::permanent);
    spec.restart.backoff_min = 60s;
    spec.restart.backoff_max = 60s;
    r.reeve.run("web", spec);
    r.drive_to_back_off(id);
  }
  auto since = std::chrono::steady_clock::now();
  auto done = r.reeve.ask<process_is>(stop_process{"web", "a", -1});
  CHECK(done.info.phase == process_phase::exited);
  CHECK(done.info.last.kind == exit_kind::stopped);
  CHECK(r.reeve.ask<container_is>(stop_container{"web", -1}).phase
        == container_phase::stopped);
  CHECK(std::chrono::steady_clock::now() - since < patiently(5s));
  CHECK(r.now("b").last.kind == exit_kind::stopped);
}

TEST_CASE("restart: a start by hand cuts the back-off short",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  auto spec = sleeper("main", restart_type::permanent);
  spec.restart.backoff_min = 60s;
  spec.restart.backoff_max = 60s;
  r.reeve.run("web", spec);
  r.drive_to_back_off("main");
  auto pid = r.reeve.ask<process_started>(start_process{"web", "main"}).pid;
  CHECK(is_alive(pid));
  CHECK(children_of(r.reeve.details_of("web").info.pid)
        == std::vector<pid_t>{pid});
}

TEST_CASE("restart: the death of PID 1 stops a container with that policy, "
          "and no other",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  r.reeve.create("web");
  r.reeve.create("beside");
  r.reeve.run("beside", instance::counter("count"));
  r.reeve.shell("web", "echo kept > /file");
  auto spec = sleeper("main", restart_type::permanent);
  auto pid = r.reeve.run("web", spec).pid;
  auto info = r.reeve.details_of("web").info;
  REQUIRE(::kill(info.pid, SIGKILL) == 0);
  eventually("it has stopped", [&] {
    return r.reeve.phase_of("web") == container_phase::stopped;
  });
  CHECK_FALSE(is_alive(pid));
  eventually("the host's init has reaped PID 1",
             [&] { return !is_alive(info.pid); });
  CHECK(groups_of(info.id).empty());
  CHECK(r.now("main").last == exit_reason::lost());

  auto numbers = unbroken(r.reeve.output_so_far("beside", "count"));
  CHECK(numbers >= 0);
  eventually("the other counts on", [&] {
    return unbroken(r.reeve.output_so_far("beside", "count")) > numbers;
  });
  CHECK(r.reeve.process_of("beside", "count").restarts == 0);

  r.reeve.ask<container_is>(start_container{"web"});
  CHECK(is_alive(r.now("main").pid));
  CHECK(r.reeve.shell("web", "cat /file").out == "kept\n");
}

TEST_CASE("restart: the death of PID 1 rebuilds a container with that policy, "
          "and others do not notice",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  auto web = instance::spec("web");
  web.on_holder_death = config::holder_death::rebuild;
  r.reeve.create(web);
  r.reeve.create("beside");
  auto other = r.reeve.run("beside", instance::counter("count")).pid;
  r.reeve.shell("web", "echo kept > /file");
  std::vector<pid_t> old;
  old.push_back(
      r.reeve.run("web", sleeper("permanent-1", restart_type::permanent)).pid);
  old.push_back(
      r.reeve.run("web", sleeper("permanent-2", restart_type::permanent)).pid);
  old.push_back(
      r.reeve.run("web", sleeper("transient", restart_type::transient)).pid);
  old.push_back(
      r.reeve.run("web", sleeper("temporary", restart_type::temporary)).pid);
  r.reeve.run("web", sleeper("asked-to-stop", restart_type::permanent));
  r.reeve.ask<process_is>(stop_process{"web", "asked-to-stop", 0});
  auto before = r.reeve.details_of("web").info;
  REQUIRE(::kill(before.pid, SIGKILL) == 0);
  eventually("it runs on another PID 1", [&] {
    auto now = r.reeve.details_of("web").info;
    return now.phase == container_phase::running && now.pid != before.pid;
  });
  auto after = r.reeve.details_of("web").info;
  CHECK(is_alive(after.pid));
  CHECK(after.id == before.id);
  CHECK(after.uid_base == before.uid_base);
  for (auto pid : old)
    CHECK_FALSE(is_alive(pid));
  CHECK(children_of(after.pid).size() == 3);
  for (const auto* id : {"permanent-1", "permanent-2", "transient"}) {
    CHECK(r.now(id).phase == process_phase::running);
    CHECK(parent_of(r.now(id).pid) == after.pid);
    CHECK(r.now(id).last == exit_reason::lost());
  }
  CHECK(r.now("temporary").phase == process_phase::exited);
  CHECK(r.now("temporary").last == exit_reason::lost());
  CHECK(r.now("asked-to-stop").phase == process_phase::exited);
  CHECK(r.reeve.shell("web", "cat /file").out == "kept\n");

  CHECK(r.reeve.process_of("beside", "count").pid == other);
  CHECK(r.reeve.process_of("beside", "count").restarts == 0);
  CHECK(unbroken(r.reeve.output_so_far("beside", "count")) > 0);
}

TEST_CASE("restart: a container whose PID 1 dies again and again "
          "gives up",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  auto web = instance::spec("web");
  web.on_holder_death = config::holder_death::rebuild;
  r.reeve.create(web);
  auto first = r.reeve.details_of("web").info;
  pid_t killed = 0;
  for (int deaths = 0; deaths < 6; ++deaths) {
    container_info now;
    eventually("it runs or has given up", [&] {
      now = r.reeve.details_of("web").info;
      return now.phase == container_phase::gave_up
             || (now.phase == container_phase::running && now.pid != killed);
    });
    REQUIRE(now.phase == container_phase::running);
    killed = now.pid;
    REQUIRE(::kill(killed, SIGKILL) == 0);
  }
  eventually("it has given up", [&] {
    return r.reeve.phase_of("web") == container_phase::gave_up;
  });
  CHECK(groups_of(first.id).empty());
  auto again = r.reeve.ask<container_is>(start_container{"web"});
  CHECK(again.phase == container_phase::running);
}

TEST_CASE(
    "restart: none while the container is paused, and one when it goes on",
    "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  // A start into the frozen group would not be answered within this.
  r.reeve.config().deadlines.start = patiently(300ms);
  r.reeve.restart();
  r.reeve.create("web");
  r.reeve.run("web", instance::counter("clock"));
  auto spec = sleeper("main", restart_type::permanent);
  spec.restart.backoff_min = patiently(200ms);
  spec.restart.backoff_max = patiently(200ms);
  r.reeve.run("web", spec);
  r.drive_to_back_off("main");
  auto info = r.reeve.details_of("web").info;
  auto due = r.now("main").next_restart_ms;
  r.reeve.ask<container_is>(pause_container{"web"});
  REQUIRE(is_frozen(info.id));
  auto others = members_of(info.id).size();
  eventually("two deadlines have passed", [&] {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    CHECK(members_of(info.id).size() == others);
    return now > std::chrono::milliseconds{due} + patiently(600ms);
  });
  CHECK(r.now("main").phase == process_phase::backing_off);
  auto restarts_before = r.now("main").restarts;
  r.reeve.ask<container_is>(resume_container{"web"});
  r.await("main", process_phase::running);
  CHECK(r.now("main").restarts == restarts_before + 1);
  auto pid = r.now("main").pid;
  CHECK(is_alive(pid));
  std::size_t sleepers = 0;
  for (auto member : members_of(info.id))
    if (read_file("/proc/" + std::to_string(member) + "/cmdline")
            .starts_with(std::string{"sleep\0001000", 10}))
      ++sleepers;
  CHECK(sleepers == 1);
}

TEST_CASE("restart: a process that is stopped while its container waits for "
          "its rebuild stays so",
          "[integration][restart]") {
  if (!is_root())
    return;
  restarts r;
  auto web = instance::spec("web");
  web.on_holder_death = config::holder_death::rebuild;
  web.processes = {sleeper("main", restart_type::permanent),
                   sleeper("other", restart_type::permanent)};
  r.reeve.create(web);
  // The first rebuild is immediate, later ones wait.
  auto pid = r.reeve.details_of("web").info.pid;
  for (int deaths = 0; deaths < 4; ++deaths) {
    REQUIRE(::kill(pid, SIGKILL) == 0);
    if (deaths == 3)
      break;
    eventually("it runs again", [&] {
      auto now = r.reeve.details_of("web").info;
      return now.phase == container_phase::running && now.pid != 0
             && now.pid != pid;
    });
    pid = r.reeve.details_of("web").info.pid;
  }
  eventually("it waits", [&] {
    auto now = r.reeve.details_of("web").info;
    return now.phase == container_phase::rebuilding && now.pid == 0
           && r.now("main").phase == process_phase::exited;
  });
  auto done = r.reeve.ask<process_is>(stop_process{"web", "main", 0});
  CHECK(done.info.last == exit_reason::stopped(exit_reason::lost()));
  eventually("it runs again",
             [&] { return r.now("other").phase == process_phase::running; });
  CHECK(r.reeve.phase_of("web") == container_phase::running);
  CHECK(r.now("main").phase == process_phase::exited);
  CHECK(r.now("main").last.kind == exit_kind::stopped);
}
