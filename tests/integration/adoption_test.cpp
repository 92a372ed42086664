// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

// Counts on standard output, and in a file, whoever listens.
config::process_spec counter(const std::string& id) {
  return api_client::process(id,
                             {"sh", "-c",
                              "i=0; while true; do echo $i; echo $i > /" + id
                                  + "; i=$((i+1)); sleep 0.001; done"});
}

long number_in(pid_t pid1, const std::string& id) {
  auto text = read_file("/proc/" + std::to_string(pid1) + "/root/" + id);
  return text.empty() ? -1 : std::stol(text);
}

void await_growth(pid_t pid1, const std::string& id) {
  auto last = number_in(pid1, id);
  eventually("'" + id + "' counts on",
             [&] { return number_in(pid1, id) > last + 20; });
}

void await_death(pid_t pid) {
  eventually("it is dead", [pid] { return !is_alive(pid); });
}

struct identity {
  pid_t pid;
  std::uint64_t since;

  explicit identity(pid_t of)
      : pid(of),
        since(kernel::start_time(of).value().value()) {}

  [[nodiscard]] bool still_runs() const {
    auto now = kernel::start_time(pid);
    return now && *now && **now == since && is_alive(pid);
  }
};

std::string record_of(const std::string& root, const std::string& id) {
  return root + "/state/containers/" + id + "/record.jsonl";
}

// Everywhere: each save of a record is a line of its own.
void replace_in(const std::string& path, const std::string& what,
                const std::string& by) {
  auto text = read_file(path);
  auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  for (; at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  std::ofstream{path} << text;
}

} // namespace

TEST_CASE("adoption: processes go on, and their output has no gap",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  std::vector<identity> all{identity{info.pid}};
  for (const auto* id : {"a", "b", "c"})
    all.emplace_back(reeve.run("web", counter(id)).pid);
  for (int round = 0; round < 3; ++round) {
    eventually("there is output",
               [&] { return unbroken(reeve.output_so_far("web", "a")) > 10; });
    reeve.go_down();
    await_growth(info.pid, "a");
    reeve.come_up();
    for (const auto& item : all)
      CHECK(item.still_runs());
    auto now = reeve.details_of("web");
    CHECK(now.info.pid == info.pid);
    CHECK(now.info.phase == container_phase::running);
    for (const auto* id : {"a", "b", "c"}) {
      auto in_file = number_in(info.pid, id);
      eventually("all that it wrote has come", [&] {
        auto lines = unbroken(reeve.output_so_far("web", id));
        REQUIRE(lines >= 0);
        return lines > in_file;
      });
      CHECK(reeve.process_of("web", id).restarts == 0);
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto* id = std::array{"a", "b", "c"}[i];
    CHECK(reeve.process_of("web", id).pid == all[i + 1].pid);
  }
}

TEST_CASE("adoption: PID 1 without a descriptor to tell of a process is asked "
          "again",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid_1 = reeve.details_of("web").info.pid;
  auto app = identity{reeve.run("web", counter("app")).pid};
  auto open = open_files_of(pid_1).size();
  reeve.go_down();
  eventually("PID 1 has seen it",
             [&] { return open_files_of(pid_1).size() < open; });
  limit_descriptors(pid_1, first_free_descriptor(pid_1) + 1); // for the daemon
  await_growth(pid_1, "app");
  reeve.come_up();
  auto now = reeve.process_of("web", "app");
  CHECK(now.phase == process_phase::running);
  CHECK(now.pid == 0);
  CHECK(app.still_runs());
  auto in_file = number_in(pid_1, "app");
  eventually("its output comes", [&] {
    return unbroken(reeve.output_so_far("web", "app")) > in_file;
  });
  limit_descriptors(pid_1, 1000);
  eventually("its pid is told",
             [&] { return reeve.process_of("web", "app").pid == app.pid; });
  in_file = number_in(pid_1, "app");
  eventually("its output has no gap", [&] {
    return unbroken(reeve.output_so_far("web", "app")) > in_file;
  });
  CHECK(app.still_runs());
  CHECK(reeve.process_of("web", "app").restarts == 0);
}

TEST_CASE("adoption: ends that nobody saw are told as they were",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto coded =
      reeve
          .run("web",
               instance::process("coded", {"sh", "-c",
                                           "trap 'echo bye; exit 7' USR1; "
                                           "echo ready; "
                                           "while true; do sleep 0.01; done"}))
          .pid;
  eventually("it is ready",
             [&] { return reeve.output_so_far("web", "coded") == "ready\n"; });
  auto killed = reeve.run("web", api_client::sleeper("killed")).pid;
  auto spec = api_client::sleeper("permanent");
  spec.restart.type = config::restart_type::permanent;
  auto permanent = reeve.run("web", spec).pid;
  reeve.go_down();
  REQUIRE(::kill(coded, SIGUSR1) == 0);
  REQUIRE(::kill(killed, SIGKILL) == 0);
  REQUIRE(::kill(permanent, SIGKILL) == 0);
  for (auto pid : {coded, killed, permanent})
    await_death(pid);
  reeve.come_up();
  CHECK(reeve.wait("web", "coded").last == exit_reason::exited(7));
  CHECK(reeve.output("web", "coded") == "ready\nbye\n");
  CHECK(reeve.wait("web", "killed").last
        == exit_reason::signaled(SIGKILL, false));
  eventually("the permanent one is back", [&] {
    auto now = reeve.process_of("web", "permanent");
    return now.phase == process_phase::running && is_alive(now.pid);
  });
  CHECK(reeve.process_of("web", "permanent").last
        == exit_reason::signaled(SIGKILL, false));
  CHECK(reeve.process_of("web", "permanent").restarts == 1);
}

TEST_CASE("adoption: a temporary process is known in full",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto spec = instance::sleeper("once");
  spec.significant = true;
  spec.stop_signal = "SIGINT";
  spec.env = {"A=1"};
  auto before = reeve.run("web", spec);
  auto then = reeve.process_of("web", "once");
  reeve.restart();
  auto now = reeve.process_of("web", "once");
  CHECK(now.phase == process_phase::running);
  CHECK(now.pid == before.pid);
  CHECK(now.ns_pid == before.ns_pid);
  CHECK(now.argv == spec.argv);
  CHECK(now.restart == config::restart_type::temporary);
  CHECK(std::abs(now.since_ms - then.since_ms) <= 1000);
  auto done = reeve.ask<process_is>(stop_process{"web", "once", 20'000});
  CHECK(done.info.last
        == exit_reason::stopped(exit_reason::signaled(SIGINT, false)));
}

TEST_CASE("adoption: what was asked to stop stays so",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {api_client::sleeper("main"), api_client::sleeper("other")};
  for (auto& item : spec.processes)
    item.restart.type = config::restart_type::permanent;
  reeve.create(spec);
  spec.name = "stopped";
  reeve.create(spec);
  reeve.ask<process_is>(stop_process{"web", "main", 0});
  reeve.ask<container_is>(stop_container{"stopped", 0});
  auto other = identity{reeve.process_of("web", "other").pid};
  reeve.restart();
  CHECK(reeve.phase_of("stopped") == container_phase::stopped);
  CHECK(reeve.phase_of("web") == container_phase::running);
  CHECK(other.still_runs());
  // A shell's whole life is time enough for a wrong start.
  reeve.shell("web", "true");
  CHECK(reeve.process_of("web", "main").phase == process_phase::exited);
  CHECK(children_of(reeve.details_of("web").info.pid)
        == std::vector<pid_t>{other.pid});
}

TEST_CASE("adoption: a process that was backing off is started again",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  for (auto type :
       {config::restart_type::permanent, config::restart_type::transient}) {
    auto id =
        type == config::restart_type::permanent ? "permanent" : "transient";
    auto spec = api_client::sleeper(id);
    spec.restart.type = type;
    spec.restart.backoff_min = 2s;
    spec.restart.backoff_max = 2s;
    auto pid = reeve.run("web", spec).pid;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    eventually("it is back", [&] {
      auto now = reeve.process_of("web", id);
      return now.phase == process_phase::running && now.pid != pid;
    });
    REQUIRE(::kill(reeve.process_of("web", id).pid, SIGKILL) == 0);
    eventually("it backs off", [&] {
      return reeve.process_of("web", id).phase == process_phase::backing_off;
    });
  }
  reeve.restart();
  for (const auto* id : {"permanent", "transient"})
    eventually(std::string{id} + " runs again", [&] {
      auto now = reeve.process_of("web", id);
      return now.phase == process_phase::running && is_alive(now.pid);
    });
}

TEST_CASE(
    "adoption: a temporary process that a rule brings back was backing off",
    "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto spec = instance::process("main", {"sh", "-c", "sleep 1000"});
  config::restart_rule killed;
  killed.on = {config::parse_end_pattern("signal:KILL").value()};
  killed.restart = true;
  spec.restart.rules = {killed};
  spec.restart.backoff_min = spec.restart.backoff_max = 2s;
  auto pid = reeve.run("web", spec).pid;
  REQUIRE(::kill(pid, SIGKILL) == 0);
  eventually("it is back", [&] {
    auto now = reeve.process_of("web", "main");
    return now.phase == process_phase::running && now.pid != pid;
  });
  REQUIRE(::kill(reeve.process_of("web", "main").pid, SIGKILL) == 0);
  eventually("it backs off", [&] {
    return reeve.process_of("web", "main").phase == process_phase::backing_off;
  });
  reeve.restart();
  eventually("it runs again", [&] {
    auto now = reeve.process_of("web", "main");
    return now.phase == process_phase::running && is_alive(now.pid);
  });
}

TEST_CASE("adoption: restarts count on, and a pause goes on where it was",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto spec = api_client::sleeper("main");
  spec.restart.type = config::restart_type::permanent;
  spec.restart.max_restarts = 3;
  spec.restart.window = 1h;
  spec.restart.backoff_min = spec.restart.backoff_max = 3s;
  spec.restart.jitter = 0;
  reeve.run("web", spec);
  auto kill_it = [&] {
    auto pid = reeve.process_of("web", "main").pid;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    await_death(pid);
  };
  auto is_running = [&] {
    return reeve.process_of("web", "main").phase == process_phase::running;
  };
  kill_it();
  eventually("it is back at once", [&] {
    return is_running() && reeve.process_of("web", "main").restarts == 1;
  });
  reeve.restart();
  CHECK(reeve.process_of("web", "main").restarts == 1);
  CHECK(reeve.process_of("web", "main").restarts_in_window == 1);
  kill_it();
  eventually("it backs off", [&] {
    return reeve.process_of("web", "main").phase == process_phase::backing_off;
  });
  auto next = reeve.process_of("web", "main").next_restart_ms;
  reeve.go_down();
  std::this_thread::sleep_for(500ms);
  reeve.come_up();
  auto now = reeve.process_of("web", "main");
  CHECK(now.phase == process_phase::backing_off);
  CHECK(std::abs(now.next_restart_ms - next) < 100);
  CHECK(now.last == exit_reason::signaled(SIGKILL, false));
  eventually("it is back after its pause", is_running);
  kill_it();
  eventually("it backs off again", [&] {
    return reeve.process_of("web", "main").phase == process_phase::backing_off;
  });
  reeve.ask<process_started>(start_process{"web", "main"}); // all chances again
  for (auto i = 0; i < 3; ++i) {
    kill_it();
    reeve.restart();
    eventually("it is wanted", [&] {
      return reeve.process_of("web", "main").phase == process_phase::backing_off
             || is_running();
    });
    eventually("it is back", is_running);
  }
  kill_it();
  eventually("it gives up at the fourth in its window", [&] {
    return reeve.process_of("web", "main").phase == process_phase::gave_up;
  });
}

TEST_CASE(
    "adoption: how a temporary process ended is known until it is removed",
    "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto job = api_client::process("job", {"sh", "-c", "echo done; exit 7"});
  auto run = run_process{41, "web", job, false};
  reeve.ask<process_started>(run);
  CHECK(reeve.wait("web", "job").last == exit_reason::exited(7));
  auto since = reeve.process_of("web", "job").since_ms;
  reeve.kill();
  reeve.start();
  CHECK(std::abs(reeve.process_of("web", "job").since_ms - since) < 100);
  since = reeve.process_of("web", "job").since_ms; // as PID 1 has it
  for (auto i = 0; i < 2; ++i) {
    reeve.kill();
    reeve.start();
    auto now = reeve.process_of("web", "job");
    CHECK(now.phase == process_phase::exited);
    CHECK(now.last == exit_reason::exited(7));
    CHECK(now.since_ms == since);
    CHECK(reeve.output("web", "job") == "done\n");
    // Asked for again, it is not run again.
    reeve.ask<process_started>(run);
    CHECK(reeve.process_of("web", "job").phase == process_phase::exited);
  }
  reeve.ask<process_is>(remove_process{"web", "job"});
  reeve.kill();
  reeve.start();
  CHECK(reeve.details_of("web").processes.empty());
}

TEST_CASE("adoption: a paused container thaws when its owner goes",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto pid = identity{reeve.run("web", counter("count")).pid};
  reeve.ask<container_is>(pause_container{"web"});
  REQUIRE(is_frozen(info.id));
  reeve.restart();
  eventually("it is thawed", [&] { return !is_frozen(info.id); });
  eventually("it runs",
             [&] { return reeve.phase_of("web") == container_phase::running; });
  CHECK(pid.still_runs());
  await_growth(info.pid, "count");
}

TEST_CASE("adoption: PID 1 that died meanwhile is answered by the policy",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("stops");
  spec.processes = {api_client::sleeper("main")};
  spec.processes[0].restart.type = config::restart_type::permanent;
  reeve.create(spec);
  spec.name = "rebuilds";
  spec.on_holder_death = config::holder_death::rebuild;
  reeve.create(spec);
  auto stops = reeve.details_of("stops").info;
  auto rebuilds = reeve.details_of("rebuilds").info;
  reeve.go_down();
  for (auto pid : {stops.pid, rebuilds.pid}) {
    REQUIRE(::kill(pid, SIGKILL) == 0);
    await_death(pid);
  }
  reeve.come_up();
  eventually("one has stopped", [&] {
    return reeve.phase_of("stops") == container_phase::stopped;
  });
  CHECK(groups_of(stops.id).empty());
  eventually("one runs again", [&] {
    return reeve.phase_of("rebuilds") == container_phase::running;
  });
  auto now = reeve.details_of("rebuilds").info;
  CHECK(now.pid != rebuilds.pid);
  CHECK(children_of(now.pid)
        == std::vector<pid_t>{reeve.process_of("rebuilds", "main").pid});
}

TEST_CASE("adoption: a record of a newer Reeve is kept and told",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  auto log = reeve.root() + "/log";
  reeve.config().log.sink = config::log_sink::file;
  reeve.config().log.path = log;
  reeve.create("web");
  reeve.create("beside");
  auto info = reeve.details_of("web").info;
  auto pid = identity{reeve.run("web", api_client::sleeper("main")).pid};
  auto record = record_of(reeve.root(), info.id);
  reeve.go_down();
  replace_in(record, "\"version\":1", "\"version\":99");
  reeve.come_up();
  CHECK(reeve.container_names() == std::vector<std::string>{"beside"});
  auto told = read_file(log);
  CHECK(told.find(record) != std::string::npos);
  CHECK(told.find("version 99") != std::string::npos);
  CHECK(pid.still_runs());
  CHECK(is_alive(info.pid));
  CHECK(std::filesystem::exists(record));
  reeve.go_down();
  replace_in(record, "\"version\":99", "\"version\":1");
  reeve.come_up();
  CHECK(reeve.phase_of("web") == container_phase::running);
  CHECK(reeve.process_of("web", "main").pid == pid.pid);
  CHECK(pid.still_runs());
}

TEST_CASE("adoption: a zygote or mount broker that is killed is replaced",
          "[integration][adoption]") {
  if (!is_root())
    return;
  for (const auto* helper : {"reeve-zygote", "reeve-broker"}) {
    auto others = helpers_called(helper);
    instance reeve;
    reeve.create("web");
    auto main = identity{reeve.run("web", counter("main")).pid};
    auto mine = helpers_called(helper);
    mine.erase(std::remove_if(
                   mine.begin(), mine.end(),
                   [&](pid_t pid) {
                     return std::count(others.begin(), others.end(), pid) != 0;
                   }),
               mine.end());
    REQUIRE(mine.size() == 1);
    REQUIRE(::kill(mine[0], SIGKILL) == 0);
    await_death(mine[0]);
    for (const auto* name : {"one", "two", "three"}) {
      reeve.create(name);
      CHECK(reeve.shell(name, "echo works").out == "works\n");
    }
    CHECK(main.still_runs());
    CHECK(unbroken(reeve.output_so_far("web", "main")) > 0);
  }
}

TEST_CASE("adoption: one root has one Reeve", "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid = identity{reeve.run("web", api_client::sleeper("main")).pid};
  auto second = runtime::start(reeve.system(), reeve.config());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == EBUSY);
  CHECK(to_string(second.error()).find("pid " + std::to_string(::getpid()))
        != std::string::npos);
  CHECK(pid.still_runs());
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}

TEST_CASE("adoption: a daemon that is killed is not noticed inside",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  std::vector<identity> all{identity{info.pid}};
  for (const auto* id : {"a", "b", "c"}) {
    auto spec = counter(id);
    spec.restart.type = config::restart_type::permanent;
    all.emplace_back(reeve.run("web", spec).pid);
  }
  await_growth(info.pid, "a");
  reeve.kill();
  for (const auto* id : {"a", "b", "c"})
    await_growth(info.pid, id); // a closed pipe would have killed it
  reeve.start();
  for (const auto& item : all)
    CHECK(item.still_runs());
  for (const auto* id : {"a", "b", "c"}) {
    auto in_file = number_in(info.pid, id);
    eventually("all that it wrote has come", [&] {
      auto lines = unbroken(reeve.output_so_far("web", id));
      REQUIRE(lines >= 0);
      return lines > in_file;
    });
    CHECK(reeve.process_of("web", id).restarts == 0);
  }

  // The policy is the new daemon's business as it was the old one's.
  REQUIRE(::kill(all[2].pid, SIGKILL) == 0);
  eventually("b runs again", [&] {
    auto now = reeve.process_of("web", "b");
    return now.phase == process_phase::running && now.pid != all[2].pid;
  });
  CHECK(reeve.process_of("web", "b").restarts == 1);
  CHECK(all[1].still_runs());
  CHECK(all[3].still_runs());
}

TEST_CASE("adoption: a paused container thaws when a new daemon has come",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto pid = identity{reeve.run("web", counter("count")).pid};
  reeve.ask<container_is>(pause_container{"web"});
  REQUIRE(is_frozen(info.id));
  reeve.kill();
  CHECK(pid.still_runs());
  reeve.start();
  eventually("it is thawed", [&] { return !is_frozen(info.id); });
  eventually("it runs",
             [&] { return reeve.phase_of("web") == container_phase::running; });
  CHECK(pid.still_runs());
  await_growth(info.pid, "count");
}

TEST_CASE("adoption: a second daemon on the same root is refused",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto pid = identity{reeve.run("web", api_client::sleeper("main")).pid};
  auto second = reeve.try_another();
  CHECK(second.status == 1);
  CHECK(second.text.find("pid " + std::to_string(reeve.pid()))
        != std::string::npos);
  CHECK(pid.still_runs());
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}

TEST_CASE("adoption: a create that the daemon's death cut short leaves a whole "
          "container or nothing",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  auto spec = api_client::spec("half");
  spec.processes = {api_client::sleeper("main")};
  for (int i = 0; i < 12; ++i) {
    reeve.tell(create_container{0, spec, false});
    // Any moment will do; it is the moments that must not matter.
    std::this_thread::sleep_for(std::chrono::microseconds{500 * i});
    reeve.kill();
    reeve.start();
    auto names = reeve.container_names();
    if (names.empty()) {
      // Nothing but what the new daemon's own pool holds.
      for (const auto& item : std::filesystem::directory_iterator{
               reeve.root() + "/state/containers"})
        CHECK_FALSE(std::filesystem::exists(item.path() / "record.jsonl"));
      reeve.create(spec);
    }
    eventually("it runs", [&] {
      return reeve.phase_of("half") == container_phase::running;
    });
    CHECK(is_alive(reeve.process_of("half", "main").pid));
    CHECK(reeve.shell("half", "echo works").out == "works\n");
    reeve.destroy("half");
  }
}

TEST_CASE("adoption: a container that nobody owns is swept",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve{0};
  reeve.create("web");
  auto info = reeve.ask<container_details>(get_container{"web"}).info;
  auto pid = reeve.run("web", instance::sleeper("main")).pid;
  reeve.go_down();
  auto record = reeve.root() + "/state/containers/" + info.id + "/record.jsonl";
  REQUIRE(::unlink(record.c_str()) == 0);
  reeve.come_up();
  CHECK(reeve.ask<container_list>(list_containers{}).containers.empty());
  eventually("its processes have ended", [&] {
    return !kernel::start_time(pid).value()
           && !kernel::start_time(info.pid).value();
  });
}

TEST_CASE("adoption: what was to run once does not run again in a rebuild",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.on_holder_death = config::holder_death::rebuild;
  spec.processes = {
      instance::process("once", {"sh", "-c", "echo ran >> /runs; sleep 1000"}),
      api_client::sleeper("always")};
  spec.processes[1].restart.type = config::restart_type::permanent;
  reeve.create(spec);
  auto pid1 = reeve.details_of("web").info.pid;
  eventually("it ran", [&] {
    return read_file("/proc/" + std::to_string(pid1) + "/root/runs") == "ran\n";
  });
  reeve.go_down();
  REQUIRE(::kill(pid1, SIGKILL) == 0);
  await_death(pid1);
  reeve.come_up();
  eventually("the other one runs again", [&] {
    return reeve.phase_of("web") == container_phase::running
           && reeve.process_of("web", "always").phase == process_phase::running;
  });
  CHECK(reeve.process_of("web", "once").phase == process_phase::exited);
  CHECK(reeve.process_of("web", "once").last == exit_reason::lost());
  CHECK(reeve.shell("web", "cat /runs").out == "ran\n");
}

TEST_CASE("adoption: limits of a container that a reboot has ended are stored",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  reeve.ask<container_is>(stop_container{"web", 0});
  reeve.go_down();
  replace_in(record_of(reeve.root(), info.id), kernel::boot_id().value(),
             "00000000-0000-0000-0000-000000000000");
  reeve.come_up();
  CHECK(reeve.phase_of("web") == container_phase::stopped);
  reeve.ask<limits_in_force>(set_limits{"web", {{"pids.limit", "77"}}});
  reeve.ask<container_is>(start_container{"web"});
  auto now = reeve.ask<limits_in_force>(get_limits{"web", {"pids.limit"}});
  REQUIRE(now.limits.size() == 1);
  CHECK(now.limits[0].value == "77");
}

TEST_CASE("adoption: a destroying that the daemon did not finish is finished",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto deaf = reeve.run(
      "web", api_client::process("deaf", {"sh", "-c",
                                          "trap '' TERM; echo ready; "
                                          "while true; do sleep 1; done"}));
  eventually("the trap is set",
             [&] { return reeve.output_so_far("web", "deaf") == "ready\n"; });
  reeve.tell(destroy_container{"web", true, 60'000});
  eventually("it is being destroyed", [&] {
    return reeve.phase_of("web") == container_phase::destroying;
  });
  reeve.kill();
  CHECK(is_alive(deaf.pid));
  reeve.start();
  CHECK(reeve.container_names().empty());
  CHECK_FALSE(is_alive(deaf.pid));
  CHECK_FALSE(is_alive(info.pid));
  CHECK(groups_of(info.id).empty());
  eventually("its files are deleted", [&] {
    return !std::filesystem::exists(reeve.root() + "/state/containers/"
                                    + info.id);
  });
}
