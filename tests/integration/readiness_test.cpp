// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// When a process is ready, and what waits for that.

#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using config::restart_type;

// Does its work once there is a file /go.
config::process_spec gated(const std::string& id, const std::string& work) {
  auto out = instance::process(
      id, {"sh", "-c", "while [ ! -e /go ]; do sleep 0.02; done; " + work});
  out.restart.type = restart_type::permanent;
  return out;
}

config::process_spec by_descriptor() {
  auto out = gated("main", "echo up >&7; sleep 1000");
  out.ready = config::readiness{.fd = 7};
  return out;
}

config::process_spec by_port() {
  auto out = gated("main", "exec httpd -f -p 127.0.0.1:8080");
  out.ready = config::readiness{.port = 8080, .interval = 20ms};
  return out;
}

config::process_spec by_command() {
  auto out = gated("main", "touch /served; sleep 1000");
  out.ready =
      config::readiness{.command = {"test", "-e", "/served"}, .interval = 20ms};
  return out;
}

// From outside, as the kernel shows the container's root.
void open_gate(pid_t pid1) {
  std::ofstream{"/proc/" + std::to_string(pid1) + "/root/go"} << "go";
}

double seconds_in(const std::string& text) {
  REQUIRE_FALSE(text.empty());
  return std::stod(text);
}

class readiness_fixture {
public:
  instance reeve;

  process_info now(const std::string& id = "main") {
    return reeve.process_of("web", id);
  }

  void await_ready(const std::string& id = "main") {
    eventually("'" + id + "' is ready", [&] { return now(id).ready; });
  }

  std::vector<std::string> events_of(const std::string& id) {
    std::vector<std::string> out;
    for (const auto& item : reeve.ask<event_batch>(get_events{}).events)
      if (item.container == "web" && item.process == id)
        out.emplace_back(name_of(item.kind));
    return out;
  }

  // No process is left that was to tell whether another is ready.
  void check_alone(const process_info& only) {
    auto pid1 = reeve.details_of("web").info.pid;
    eventually("it is alone in its container", [&] {
      return children_of(pid1) == std::vector<pid_t>{only.pid};
    });
  }
};

} // namespace

TEST_CASE("readiness: a process is ready when it says so, once",
          "[integration][readiness]") {
  if (!is_root())
    return;
  auto spec = GENERATE(by_descriptor(), by_port(), by_command());
  readiness_fixture f;
  f.reeve.create("web");
  auto pid1 = f.reeve.details_of("web").info.pid;
  auto files = open_files_of(pid1).size();
  f.reeve.run("web", spec);
  CHECK(f.now().phase == process_phase::running);
  CHECK_FALSE(f.now().ready);
  CHECK(f.reeve.shell("web", "nc 127.0.0.1 8080 < /dev/null").reason
        != exit_reason::exited(0));
  open_gate(pid1);
  f.await_ready();
  if (spec.ready->port)
    CHECK(f.reeve.shell("web", "nc 127.0.0.1 8080 < /dev/null").reason
          == exit_reason::exited(0));
  CHECK(f.now().restarts == 0);
  CHECK(f.events_of("main")
        == std::vector<std::string>{"process_started", "process_ready"});
  if (!spec.ready->port)
    // Its own child sleeps; of the probes none is left.
    CHECK(f.reeve.details_of("web").processes.size() == 1);
  f.reeve.ask<process_is>(stop_process{"web", "main", 0});
  CHECK_FALSE(f.now().ready);
  eventually("PID 1 keeps nothing of it", [&] {
    return children_of(pid1).empty() && open_files_of(pid1).size() == files;
  });
}

TEST_CASE("readiness: the descriptor is a pipe, and nothing but a line counts",
          "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  f.reeve.create("web");
  auto spec = gated("main", "");
  spec.argv.back() = "printf almost >&7; readlink /proc/self/fd/7; ls "
                     "/proc/self/fd; "
                     "while [ ! -e /go ]; do sleep 0.02; done; "
                     "printf 'there\\nmore' >&7; sleep 1000";
  spec.user = "1000:1000";
  spec.ready = config::readiness{.fd = 7};
  f.reeve.run("web", spec);
  eventually("it has told of its descriptors", [&] {
    return f.reeve.output_so_far("web", "main").ends_with("7\n");
  });
  // 3 is what `ls` reads with.
  auto told = f.reeve.output_so_far("web", "main");
  CHECK(told.starts_with("pipe:["));
  CHECK(told.ends_with("]\n0\n1\n2\n3\n7\n"));
  CHECK_FALSE(f.now().ready);
  open_gate(f.reeve.details_of("web").info.pid);
  f.await_ready();
}

TEST_CASE("readiness: who is not ready in time is killed, and has not started",
          "[integration][readiness]") {
  if (!is_root())
    return;
  auto spec = GENERATE(by_descriptor(), by_port(), by_command());
  spec.ready->timeout = 300ms;
  spec.restart.max_restarts = 1;
  spec.restart.reset_after = 0ms; // it never was healthy
  readiness_fixture f;
  f.reeve.create("web");
  auto pid = f.reeve.run("web", spec).pid;
  auto last = f.reeve.wait("web", "main").last;
  const auto late = exit_reason::start_failed(start_step::ready, ETIMEDOUT);
  CHECK(last == exit_reason::gave_up(late));
  CHECK(to_string(last) == "gave up restarting (was not ready in time)");
  CHECK_FALSE(is_alive(pid));
  CHECK(f.now().restarts == 1);
  eventually("nothing of it is left", [&] {
    return members_of(f.reeve.details_of("web").info.id).empty();
  });
}

TEST_CASE("readiness: a command that hangs is ended, with its process",
          "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  f.reeve.create("web");
  auto id = f.reeve.details_of("web").info.id;
  auto spec = by_command();
  spec.ready->command = {"sh", "-c", "touch /asked; sleep 1000"};
  f.reeve.run("web", spec);
  eventually("it was asked", [&] {
    return f.reeve.shell("web", "test -e /asked").reason
           == exit_reason::exited(0);
  });
  SECTION("when that stops") {
    f.reeve.ask<process_is>(stop_process{"web", "main", 0});
  }
  SECTION("when that dies") {
    REQUIRE(::kill(f.now().pid, SIGKILL) == 0);
    eventually("it is back", [&] { return f.now().restarts == 1; });
    f.reeve.ask<process_is>(stop_process{"web", "main", 0});
  }
  eventually("nothing of it is left", [&] { return members_of(id).empty(); });
}

TEST_CASE("readiness: a paused container's time does not count",
          "[integration][readiness]") {
  if (!is_root())
    return;
  auto spec = GENERATE(by_descriptor(), by_command());
  const auto time = patiently(3'000ms); // for what it needs when it may run
  spec.ready->timeout = time;
  readiness_fixture f;
  f.reeve.create("web");
  auto pid = f.reeve.run("web", spec).pid;
  f.reeve.ask<container_is>(pause_container{"web"});
  auto paused = std::chrono::steady_clock::now();
  eventually("more than its time has passed", [&] {
    return std::chrono::steady_clock::now() - paused > time + 300ms;
  });
  open_gate(f.reeve.details_of("web").info.pid);
  f.reeve.ask<container_is>(resume_container{"web"});
  f.await_ready();
  CHECK(f.now().pid == pid);
}

TEST_CASE("readiness: is known to the next daemon, and what happened meanwhile",
          "[integration][readiness]") {
  if (!is_root())
    return;
  auto spec = GENERATE(by_descriptor(), by_port(), by_command());
  readiness_fixture f;
  f.reeve.create("web");
  auto pid1 = f.reeve.details_of("web").info.pid;
  auto pid = f.reeve.run("web", spec).pid;
  f.reeve.restart(); // also amidst a probe
  CHECK(f.now().phase == process_phase::running);
  CHECK_FALSE(f.now().ready);
  f.reeve.go_down();
  open_gate(pid1);
  f.reeve.come_up();
  f.await_ready();
  f.reeve.restart();
  CHECK(f.now().ready); // at once: PID 1 was told
  CHECK(f.now().pid == pid);
  CHECK(f.now().restarts == 0);
}

TEST_CASE("needs: nobody is started before those that it needs are ready",
          "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  auto spec = instance::spec("web");
  auto service = [](const std::string& id, const std::string& script) {
    auto out = instance::process(id, {"sh", "-c", script + "; sleep 1000"});
    out.restart.type = restart_type::permanent;
    return out;
  };
  auto app = service("app", "cat /proc/uptime");
  app.after = {"db", "setup"};
  auto db = service("db", "sleep 0.3; cat /proc/uptime; echo >&3");
  db.ready = config::readiness{.fd = 3};
  auto setup =
      instance::process("setup", {"sh", "-c", "sleep 0.5; cat /proc/uptime"});
  setup.ready = config::readiness{.exit = true};
  auto other = service("other", "cat /proc/uptime");
  spec.processes = {app, db, setup, other};
  f.reeve.create(spec); // answers when all are started
  CHECK(f.now("app").phase == process_phase::running);
  eventually("all have told the time", [&] {
    return !f.reeve.output_so_far("web", "app").empty()
           && !f.reeve.output_so_far("web", "setup").empty()
           && !f.reeve.output_so_far("web", "other").empty();
  });
  auto when = [&](const std::string& id) {
    return seconds_in(f.reeve.output_so_far("web", id));
  };
  CHECK(when("app") >= when("db"));
  CHECK(when("app") >= when("setup"));
  CHECK(when("other") < when("app")); // nobody waits for who waits
  CHECK(f.now("setup").last == exit_reason::exited(0));
  SECTION("also when it comes back alone") {
    auto pid = f.now("app").pid;
    REQUIRE(::kill(f.now("db").pid, SIGKILL) == 0);
    eventually("that is seen", [&] { return !f.now("db").ready; });
    REQUIRE(::kill(pid, SIGKILL) == 0);
    auto is_seen_waiting = false;
    eventually("it is back", [&] {
      auto info = f.now("app");
      // For nobody any more between its turn and its start.
      if (info.phase == process_phase::waiting && !info.waits_for.empty()) {
        is_seen_waiting = true;
        CHECK(info.waits_for == std::vector<std::string>{"db"});
      }
      return info.phase == process_phase::running && info.pid != pid;
    });
    CHECK(is_seen_waiting);
    CHECK(f.now("db").ready);
  }
  SECTION("also when the container is built again") {
    f.reeve.ask<container_is>(stop_container{"web", 0});
    auto before = f.now("app").pid;
    f.reeve.ask<container_is>(start_container{"web"});
    CHECK(f.now("app").pid != before);
    CHECK(f.now("db").ready);
  }
}

TEST_CASE("needs: a create whose needs do not come leaves nothing",
          "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  auto spec = instance::spec("web");
  auto db = by_descriptor(); // the gate stays closed
  auto app = instance::sleeper("app");
  app.after = {"main"};
  auto create = [&] {
    spec.processes = {db, app};
    return f.reeve.refusal<container_created>(create_container{0, spec, false});
  };
  SECTION("in time") {
    app.after_timeout = 300ms;
    CHECK(create().find("process 'app': what it needs was not ready within its "
                        "after_timeout")
          != std::string::npos);
  }
  SECTION("at all") {
    db.argv = {"false"};
    db.restart.type = restart_type::temporary;
    CHECK(create().find("process 'app' needs what does not run: main")
          != std::string::npos);
  }
  CHECK(f.reeve.container_names().empty());
}

TEST_CASE("needs: what is run later", "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  auto spec = instance::spec("web");
  auto db = instance::sleeper("db");
  db.restart.type = restart_type::permanent;
  spec.processes = {db};
  f.reeve.create(spec);
  auto app = instance::sleeper("app");
  auto refused = [&] {
    return f.reeve.refusal<process_started>(run_process{0, "web", app, false});
  };
  app.after = {"dbb"};
  CHECK(refused().find(
            "process 'app' needs \"dbb\", and container 'web' has no such "
            "process")
        != std::string::npos);
  f.reeve.run("web", instance::sleeper("once"));
  app.after = {"once"};
  app.restart.type = restart_type::permanent;
  CHECK(refused().find("process 'app' is restarted, and so cannot need 'once'")
        != std::string::npos);
  app.after = {"db"};
  f.reeve.run("web", app);
  CHECK(f.reeve.refusal<process_is>(remove_process{"web", "db"})
            .find("process 'db' is needed by 'app': remove that first")
        != std::string::npos);
  f.reeve.restart(); // the record holds
  CHECK(f.now("app").phase == process_phase::running);
  f.reeve.ask<process_is>(stop_process{"web", "db", 0});
  // By hand: an error at once, and nothing else of it.
  f.reeve.ask<process_is>(stop_process{"web", "app", 0});
  CHECK(f.reeve.refusal<process_started>(start_process{"web", "app"})
            .find("needs what does not run: db")
        != std::string::npos);
  CHECK(f.now("app").phase == process_phase::exited);
  f.reeve.ask<process_started>(start_process{"web", "db"});
  f.reeve.ask<process_started>(start_process{"web", "app"});
}

TEST_CASE("needs: who needs others is stopped before them",
          "[integration][readiness]") {
  if (!is_root())
    return;
  readiness_fixture f;
  auto spec = instance::spec("web");
  // Each takes a while, and tells the time at its end.
  auto slow = [](const std::string& id) {
    return instance::process(
        id, {"sh", "-c",
             "trap 'sleep 0.2; cat /proc/uptime; exit 0' TERM; echo; "
             "while true; do sleep 0.01; done"});
  };
  auto a = slow("a");
  auto b = slow("b");
  auto c = slow("c");
  b.after = {"a"};
  c.after = {"b"};
  auto other = slow("other");
  spec.processes = {a, b, c, other};
  for (auto& item : spec.processes)
    item.stop_grace = patiently(20s);
  f.reeve.create(spec);
  for (const auto* id : {"a", "b", "c", "other"})
    eventually("it listens",
               [&] { return f.reeve.output_so_far("web", id) == "\n"; });
  f.reeve.ask<container_is>(stop_container{"web"});
  auto when = [&](const std::string& id) {
    return seconds_in(f.reeve.output("web", id).substr(1));
  };
  CHECK(when("b") - when("c") >= 0.19);
  CHECK(when("a") - when("b") >= 0.19);
  CHECK(when("other") < when("b")); // beside them
  for (const auto* id : {"a", "b", "c", "other"})
    CHECK(f.now(id).last == exit_reason::stopped());
}
