// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What follows when a process, or a container, has been restarted too often.

#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

using config::gave_up_action;
using config::restart_type;

config::process_spec failing(const std::string& id, const std::string& script,
                             unsigned max_restarts) {
  auto out = instance::process(id, {"sh", "-c", script});
  out.restart.type = restart_type::permanent;
  out.restart.max_restarts = max_restarts;
  out.restart.backoff_min = 1ms;
  out.restart.backoff_max = 2ms;
  return out;
}

config::process_spec peer() {
  auto out = instance::sleeper("peer");
  out.restart.type = restart_type::permanent;
  return out;
}

/// A root file system of the host's, which may not be there for a while.
class movable_root {
public:
  explicit movable_root(const std::string& below) : path_(below + "/image") {
    fs::create_directories(path_ / "bin");
    fs::copy_file("/bin/busybox", path_ / "bin/busybox");
    for (const auto* name : {"sh", "sleep"})
      fs::create_symlink("busybox", path_ / "bin" / name);
  }

  [[nodiscard]] config::container_spec spec(const std::string& name) const {
    auto out = instance::spec(name);
    out.image.reset();
    out.rootfs = path_;
    return out;
  }

  void take_away() const {
    fs::rename(path_, away());
  }

  void bring_back() const {
    fs::rename(away(), path_);
  }

private:
  [[nodiscard]] fs::path away() const {
    return path_.string() + ".away";
  }

  fs::path path_;
};

void await(api_client& reeve, container_phase phase) {
  eventually("the container is " + std::string{name_of(phase)},
             [&] { return reeve.phase_of("web") == phase; });
}

std::size_t count_of(api_client& reeve, event_kind kind) {
  auto all = reeve.ask<event_batch>(get_events{}).events;
  return static_cast<std::size_t>(
      std::ranges::count(all, kind, &supervisor::event::kind));
}

} // namespace

TEST_CASE("escalation: a process that gives up takes its container along if "
          "that is the policy, and the next daemon knows",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {peer(), failing("main", "echo run >> /runs; exit 4", 2)};
  spec.supervision.on_process_gave_up = gave_up_action::stop_container;
  reeve.create(spec);
  auto pid_1 = reeve.details_of("web").info.pid;
  await(reeve, container_phase::gave_up);
  eventually("PID 1 is gone", [&] { return !is_alive(pid_1); });
  auto info = reeve.details_of("web").info;
  REQUIRE(info.problems.size() == 1);
  CHECK(info.problems[0].find("'main'") != std::string::npos);
  CHECK(count_of(reeve, event_kind::container_gave_up) == 1);
  CHECK(reeve.process_of("web", "peer").last.kind == exit_kind::stopped);

  reeve.restart();
  CHECK(reeve.phase_of("web") == container_phase::gave_up);

  // By hand it has all its chances again.
  reeve.ask<container_is>(start_container{"web"});
  await(reeve, container_phase::gave_up);
  // And who stops it says that this is how it is to be.
  auto now = reeve.ask<container_is>(stop_container{"web"});
  CHECK(now.phase == container_phase::stopped);
  reeve.ask<container_is>(start_container{"web"});
  CHECK(reeve.details_of("web").processes.size() == 2);
}

TEST_CASE("escalation: a container is built again for a process that gave up, "
          "and what it declares begins anew",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  // Well only in the second container: its files stay.
  auto main = failing("main",
                      "echo run >> /runs; test $(wc -l < /runs) -gt 3 && "
                      "exec sleep 1000; exit 4",
                      2);
  spec.processes = {peer(), main};
  spec.supervision.on_process_gave_up = gave_up_action::rebuild_container;
  reeve.create(spec);
  auto first = reeve.details_of("web").info.pid;
  eventually("another PID 1 has it", [&] {
    auto now = reeve.details_of("web").info;
    return now.phase == container_phase::running && now.pid != first;
  });
  CHECK_FALSE(is_alive(first));
  for (const auto* id : {"peer", "main"}) {
    auto now = reeve.process_of("web", id);
    CHECK(now.phase == process_phase::running);
    CHECK(parent_of(now.pid) == reeve.details_of("web").info.pid);
  }
  CHECK(reeve.process_of("web", "main").restarts_in_window == 0);
  eventually("its program has come to its first words", [&] {
    return reeve.shell("web", "cat /runs").out == "run\nrun\nrun\nrun\n";
  });
}

TEST_CASE("escalation: too many restarts of all together make the container "
          "give up, and the warden builds it again, but not for ever",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.go_down();
  reeve.config().revival = {2, 1h, 1ms, 2ms};
  reeve.come_up();
  auto spec = instance::spec("web");
  spec.processes = {failing("a", "echo run >> /runs; sleep 0.05; exit 4", 100),
                    failing("b", "echo run >> /runs; sleep 0.05; exit 5", 100),
                    peer()};
  spec.supervision.max_restarts = 4;
  spec.supervision.on_gave_up = gave_up_action::rebuild_container;
  reeve.create(spec);
  eventually("it stays down", [&] {
    return reeve.phase_of("web") == container_phase::gave_up
           && count_of(reeve, event_kind::container_gave_up) == 4;
  });
  // Three lives, each over with the fifth restart: that one and the other
  // process may have begun one more.
  CHECK(count_of(reeve, event_kind::container_started) == 3);
  CHECK(reeve.details_of("web").info.pid == 0);
  reeve.ask<container_is>(start_container{"web"}); // gets all chances again
  eventually("it stays down again", [&] {
    return count_of(reeve, event_kind::container_gave_up) == 8;
  });
  CHECK(count_of(reeve, event_kind::container_started) == 6);
}

TEST_CASE("escalation: a rule makes an exit code final and limits what follows "
          "on a want of memory",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.limits.memory_bytes = 16U << 20U;
  reeve.create(spec);
  auto rule = [](const char* on) {
    config::restart_rule out;
    out.on = {config::parse_end_pattern(on).value()};
    return out;
  };
  auto usage = failing("usage", "exit 64", 5);
  usage.restart.rules = {rule("exit:64")};
  usage.restart.rules[0].restart = false;
  reeve.run("web", usage);
  auto last = reeve.wait("web", "usage");
  CHECK(last.phase == process_phase::exited);
  CHECK(last.last == exit_reason::exited(64));
  CHECK(last.restarts == 0);

  auto greedy = failing("greedy", "echo run >> /runs; tail /dev/zero", 50);
  greedy.restart.rules = {rule("oom")};
  greedy.restart.rules[0].max_restarts = 2;
  reeve.run("web", greedy);
  last = reeve.wait("web", "greedy");
  CHECK(last.phase == process_phase::gave_up);
  CHECK(last.last == exit_reason::gave_up(exit_reason::oom(oom_limit::own)));
  CHECK(reeve.shell("web", "wc -l < /runs").out == "3\n");
}

TEST_CASE("escalation: a process that gives up before its peers have started "
          "takes them along",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {failing("first", "exit 4", 0)};
  for (auto i = 0; i < 20; ++i)
    spec.processes.push_back(instance::sleeper("peer-" + std::to_string(i)));
  spec.supervision.on_process_gave_up = gave_up_action::stop_container;
  reeve.create(spec);
  await(reeve, container_phase::gave_up);
  CHECK(members_of(reeve.details_of("web").info.id).empty());
}

TEST_CASE("escalation: what begins anew is whole, also after a try that failed",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  movable_root root{reeve.root()};
  auto spec = root.spec("web");
  spec.processes = {peer(), failing("main", "sleep 1000", 0),
                    instance::sleeper("once")};
  spec.supervision.on_process_gave_up = gave_up_action::rebuild_container;
  spec.supervision.max_rebuilds = 50;
  reeve.create(spec);
  auto first = reeve.details_of("web").info.pid;
  root.take_away();
  REQUIRE(::kill(reeve.process_of("web", "main").pid, SIGKILL) == 0);
  eventually("a try has failed", [&] {
    auto now = reeve.details_of("web").info;
    return now.phase == container_phase::rebuilding && now.problems.size() > 1;
  });
  root.bring_back();
  await(reeve, container_phase::running);
  auto now = reeve.details_of("web");
  CHECK(now.info.pid != first);
  for (const auto& item : now.processes) {
    INFO(item.process);
    CHECK(item.phase == process_phase::running);
    CHECK(parent_of(item.pid) == now.info.pid);
  }
}

TEST_CASE("escalation: a revival that fails is tried again",
          "[integration][escalation]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.go_down();
  reeve.config().revival = {50, 1h, 20ms, 50ms};
  reeve.come_up();
  movable_root root{reeve.root()};
  auto spec = root.spec("web");
  spec.processes = {failing("main", "sleep 1000", 0)};
  spec.supervision.on_process_gave_up = gave_up_action::stop_container;
  spec.supervision.on_gave_up = gave_up_action::rebuild_container;
  reeve.create(spec);
  root.take_away();
  REQUIRE(::kill(reeve.process_of("web", "main").pid, SIGKILL) == 0);
  eventually("it was tried more than once", [&] {
    return count_of(reeve, event_kind::container_failed) >= 2;
  });
  root.bring_back();
  await(reeve, container_phase::running);
  CHECK(is_alive(reeve.process_of("web", "main").pid));
}
