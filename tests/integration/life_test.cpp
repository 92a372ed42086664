// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <caf/send.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

using clock_type = std::chrono::steady_clock;

// PID 1 makes a time namespace for its children and stays outside.
kernel::namespace_ids but_time(kernel::namespace_ids ids) {
  ids.time = 0;
  return ids;
}

void check_own_namespaces(pid_t pid) {
  auto own = kernel::namespaces_of(pid).value();
  auto host = kernel::namespaces_of(::getpid()).value();
  REQUIRE(own);
  for (auto kind : {&kernel::namespace_ids::pid, &kernel::namespace_ids::net,
                    &kernel::namespace_ids::uts, &kernel::namespace_ids::ipc,
                    &kernel::namespace_ids::mnt, &kernel::namespace_ids::user,
                    &kernel::namespace_ids::cgroup}) {
    CHECK((*own).*kind != 0);
    CHECK((*own).*kind != (*host).*kind);
  }
}

// Nothing of it is left in the kernel.
void check_down(const std::string& id, const std::vector<pid_t>& pids) {
  CHECK(groups_of(id).empty());
  for (auto pid : pids)
    CHECK_FALSE(is_alive(pid));
}

std::vector<std::string> directories_in(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& item : std::filesystem::directory_iterator{path})
    out.push_back(item.path().filename());
  return out;
}

void check_no_files(const instance& reeve) {
  eventually("all files are deleted", [&] {
    return directories_in(reeve.root() + "/state/containers").empty();
  });
}

} // namespace

TEST_CASE("life: a container exists without a process, before and after one",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  REQUIRE(is_alive(info.pid));
  check_own_namespaces(info.pid);
  CHECK(groups_of(info.id).size() == noted_groups().size());
  CHECK(children_of(info.pid).empty());
  CHECK(members_of(info.id).empty());

  auto before = kernel::namespaces_of(info.pid).value();
  auto pid = reeve.run("web", instance::sleeper("late")).pid;
  CHECK(children_of(info.pid) == std::vector<pid_t>{pid});
  CHECK(members_of(info.id) == std::vector<pid_t>{pid});
  CHECK(but_time(kernel::namespaces_of(pid).value().value())
        == but_time(before.value()));
  REQUIRE(::kill(pid, SIGKILL) == 0);
  CHECK(reeve.wait("web", "late").last
        == exit_reason::signaled(SIGKILL, false));

  CHECK(reeve.phase_of("web") == container_phase::running);
  CHECK(is_alive(info.pid));
  CHECK(kernel::namespaces_of(info.pid).value() == before);
  CHECK(groups_of(info.id).size() == noted_groups().size());
  CHECK(reeve.shell("web", "echo again").out == "again\n");
}

TEST_CASE("life: declared processes run when create has answered",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {instance::sleeper("a"), instance::sleeper("b")};
  reeve.create(spec);
  auto info = reeve.details_of("web").info;
  auto members = members_of(info.id);
  REQUIRE(members.size() == 2);
  for (const auto* id : {"a", "b"}) {
    auto now = reeve.process_of("web", id);
    CHECK(now.phase == process_phase::running);
    CHECK(std::count(members.begin(), members.end(), now.pid) == 1);
    CHECK(read_file("/proc/" + std::to_string(now.pid) + "/comm") == "sleep\n");
  }
}

TEST_CASE("life: processes start in the order of the spec",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  for (const auto* id : {"c", "a", "d", "b"}) // not that of their names
    spec.processes.push_back(instance::sleeper(id));
  reeve.create(spec);
  auto pids_inside = [&] {
    std::vector<pid_t> out;
    for (const auto& item : spec.processes)
      out.push_back(reeve.process_of("web", item.id).ns_pid);
    return out;
  };
  CHECK(std::ranges::is_sorted(pids_inside()));
  reeve.ask<container_is>(stop_container{"web"});
  reeve.ask<container_is>(start_container{"web"});
  CHECK(std::ranges::is_sorted(pids_inside()));
}

TEST_CASE("life: a warm PID 1 that was killed is handed to nobody",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  eventually("there is one", [&] {
    return reeve.ask<daemon_info>(get_daemon{}).pool_ready == 1;
  });
  auto warm = helpers_called("reeve-holder");
  REQUIRE(warm.size() == 1);
  REQUIRE(::kill(warm[0], SIGKILL) == 0);
  eventually("it is dead", [&] { return !is_alive(warm[0]); });
  reeve.create("web");
  CHECK(reeve.details_of("web").info.pid != warm[0]);
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}

TEST_CASE("life: a create whose declared process cannot start leaves nothing",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve{0};
  auto spec = instance::spec("web");
  spec.processes = {instance::sleeper("good"),
                    instance::process("bad", {"/no/such/program"})};
  spec.processes.back().restart.type = config::restart_type::permanent;
  auto text =
      reeve.refusal<container_created>(create_container{0, spec, false});
  CHECK(text.find("/no/such/program") != std::string::npos);
  CHECK(reeve.container_names().empty());
  check_no_files(reeve);
  for (const auto& group : noted_groups())
    for (const auto& item : std::filesystem::directory_iterator{group})
      if (item.is_directory())
        CHECK(item.path().filename() == "holders");
  CHECK(helpers_called("reeve-holder").empty());

  spec.processes.pop_back();
  reeve.create(spec);
  CHECK(reeve.process_of("web", "good").phase == process_phase::running);
}

TEST_CASE("life: stop and start keep the files and run what is declared",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {instance::sleeper("main")};
  reeve.create(spec);
  reeve.run("web", instance::sleeper("extra"));
  reeve.shell("web", "echo kept > /file; mkdir /dir; chown 7:8 /dir");
  auto first = reeve.details_of("web");
  auto pids = members_of(first.info.id);
  pids.push_back(first.info.pid);
  REQUIRE(pids.size() == 3);

  auto stopped = reeve.ask<container_is>(stop_container{"web", 0});
  CHECK(stopped.phase == container_phase::stopped);
  CHECK(stopped.problems.empty());
  check_down(first.info.id, pids);

  auto started = reeve.ask<container_is>(start_container{"web"});
  CHECK(started.phase == container_phase::running);
  auto second = reeve.details_of("web").info;
  CHECK(second.id == first.info.id);
  CHECK(second.uid_base == first.info.uid_base);
  CHECK(second.pid != first.info.pid);
  check_own_namespaces(second.pid);
  CHECK(members_of(second.id)
        == std::vector<pid_t>{reeve.process_of("web", "main").pid});
  CHECK(reeve.process_of("web", "extra").phase == process_phase::exited);
  CHECK(reeve.shell("web", "cat /file; stat -c %u:%g /dir").out
        == "kept\n7:8\n");
}

TEST_CASE("life: destroy is refused while something runs, unless forced",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto pid = reeve.run("web", instance::sleeper("main")).pid;
  auto text = reeve.refusal<container_is>(destroy_container{"web", false, -1});
  CHECK(text.find("web") != std::string::npos);
  CHECK(is_alive(pid));
  CHECK(is_alive(info.pid));
  reeve.ask<process_is>(stop_process{"web", "main", -1});
  reeve.ask<container_is>(stop_container{"web", -1});
  reeve.ask<container_is>(destroy_container{"web", false, -1});
  CHECK(reeve.container_names().empty());
  check_down(info.id, {pid, info.pid});

  reeve.create("web");
  info = reeve.details_of("web").info;
  pid = reeve.run("web", instance::sleeper("main")).pid;
  reeve.ask<container_is>(destroy_container{"web", true, 0});
  check_down(info.id, {pid, info.pid});
}

TEST_CASE("life: a paused container stands still and goes on where it was",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.create("beside");
  auto info = reeve.details_of("web").info;
  reeve.run("web",
            instance::process("count", {"sh", "-c",
                                        "i=0; while true; do echo $i; "
                                        "i=$((i+1)); sleep 0.001; done"}));
  auto count = [&] { return unbroken(reeve.output_so_far("web", "count")); };
  eventually("it counts", [&] { return count() > 0; });
  CHECK_FALSE(is_frozen(info.id));

  auto paused = reeve.ask<container_is>(pause_container{"web"});
  CHECK(paused.phase == container_phase::paused);
  CHECK(is_frozen(info.id));
  // What was in the pipe has come when two readings are the same.
  auto last = count();
  eventually("the pipe is empty", [&] {
    auto before = std::exchange(last, count());
    return before == last;
  });
  for (int i = 0; i < 10; ++i)
    CHECK(reeve.shell("beside", "sleep 0.01; echo on").out == "on\n");
  CHECK(count() == last);
  CHECK(is_frozen(info.id));

  auto resumed = reeve.ask<container_is>(resume_container{"web"});
  CHECK(resumed.phase == container_phase::running);
  CHECK_FALSE(is_frozen(info.id));
  eventually("it counts on", [&] { return count() > last; });
}

TEST_CASE("life: a paused container can be stopped and destroyed",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  for (auto way : {0, 1}) {
    reeve.create("web");
    auto info = reeve.details_of("web").info;
    auto pid = reeve.run("web", instance::sleeper("main")).pid;
    reeve.ask<container_is>(pause_container{"web"});
    REQUIRE(is_frozen(info.id));
    if (way == 0)
      CHECK(reeve.ask<container_is>(stop_container{"web", -1}).phase
            == container_phase::stopped);
    reeve.ask<container_is>(destroy_container{"web", true, -1});
    check_down(info.id, {pid, info.pid});
  }
}

TEST_CASE("life: stop asks first, and kills after the grace",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto start = [&](const std::string& id, const std::string& on_term) {
    auto spec = instance::process(
        id, {"sh", "-c",
             "trap '" + on_term
                 + "' TERM; echo ready; while true; do sleep 0.02; done"});
    spec.stop_grace = 300ms;
    auto pid = reeve.run("web", spec).pid;
    eventually("the trap is set",
               [&] { return reeve.output_so_far("web", id) == "ready\n"; });
    return pid;
  };

  auto polite = start("polite", "exit 3");
  auto done = reeve.ask<process_is>(stop_process{"web", "polite", 20'000});
  CHECK(done.info.last == exit_reason::stopped(exit_reason::exited(3)));
  CHECK_FALSE(is_alive(polite));

  auto deaf = start("deaf", "");
  auto since = clock_type::now();
  done = reeve.ask<process_is>(stop_process{"web", "deaf", -1});
  CHECK(clock_type::now() - since >= 300ms);
  CHECK(done.info.last
        == exit_reason::stopped(exit_reason::signaled(SIGKILL, false)));
  CHECK_FALSE(is_alive(deaf));
  // Its children were of its group.
  eventually("nothing of it is left",
             [&] { return members_of(info.id).empty(); });

  // A container's stop gives each process its own grace, side by side.
  auto first = start("deaf-1", "");
  auto second = start("deaf-2", "");
  since = clock_type::now();
  reeve.ask<container_is>(stop_container{"web", -1});
  CHECK(clock_type::now() - since >= 300ms);
  check_down(info.id, {first, second, info.pid});
  for (const auto* id : {"deaf-1", "deaf-2"})
    CHECK(reeve.process_of("web", id).last
          == exit_reason::stopped(exit_reason::signaled(SIGKILL, false)));
}

TEST_CASE("life: auto_stop follows the significant processes",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto any = GENERATE(true, false);
  auto spec = instance::spec("web");
  spec.on_holder_death = config::holder_death::rebuild;
  spec.auto_stop = any ? config::auto_stop::any_significant
                       : config::auto_stop::all_significant;
  reeve.create(spec);
  auto info = reeve.details_of("web").info;
  auto first = instance::sleeper("first");
  auto second = instance::sleeper("second");
  first.significant = second.significant = true;
  std::vector<pid_t> pids{info.pid, reeve.run("web", first).pid,
                          reeve.run("web", second).pid,
                          reeve.run("web", instance::sleeper("ordinary")).pid};
  REQUIRE(::kill(pids[3], SIGKILL) == 0);
  reeve.wait("web", "ordinary");
  CHECK(reeve.phase_of("web") == container_phase::running);
  REQUIRE(::kill(pids[1], SIGKILL) == 0);
  reeve.wait("web", "first");
  if (!any) {
    CHECK(reeve.phase_of("web") == container_phase::running);
    CHECK(is_alive(pids[2]));
    REQUIRE(::kill(pids[2], SIGKILL) == 0);
  }
  eventually("it has stopped",
             [&] { return reeve.phase_of("web") == container_phase::stopped; });
  check_down(info.id, pids);

  // It was not somebody's death but the plan: it stays so.
  reeve.restart();
  CHECK(reeve.phase_of("web") == container_phase::stopped);
  check_down(info.id, {});
}

TEST_CASE("life: remove_on_exit removes a container that has stopped",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve{0};
  auto spec = instance::spec("once");
  spec.auto_stop = config::auto_stop::any_significant;
  spec.remove_on_exit = true;
  spec.processes = {instance::sleeper("main")};
  spec.processes[0].significant = true;
  reeve.create(spec);
  auto info = reeve.details_of("once").info;
  REQUIRE(::kill(reeve.process_of("once", "main").pid, SIGKILL) == 0);
  eventually("it is gone", [&] { return reeve.container_names().empty(); });
  check_down(info.id, {info.pid});
  check_no_files(reeve);
}

TEST_CASE("life: a stop gives a process that was run its own grace",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto spec = instance::process(
      "slow", {"sh", "-c",
               "trap 'sleep 21; echo saved > /saved; exit 0' TERM; echo ready; "
               "while true; do sleep 0.02; done"});
  spec.stop_grace = 60s;
  reeve.run("web", spec);
  eventually("the trap is set",
             [&] { return reeve.output_so_far("web", "slow") == "ready\n"; });
  auto done = reeve.ask<container_is>(stop_container{"web", -1});
  CHECK(done.phase == container_phase::stopped);
  CHECK(reeve.process_of("web", "slow").last
        == exit_reason::stopped(exit_reason::exited(0)));
  reeve.ask<container_is>(start_container{"web"});
  CHECK(reeve.shell("web", "cat /saved").out == "saved\n");
}

TEST_CASE("life: a forced destroy cuts a long stop short",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  reeve.run("web", instance::process("deaf", {"sh", "-c",
                                              "trap '' TERM; echo ready; "
                                              "while true; do sleep 1; done"}));
  eventually("the trap is set",
             [&] { return reeve.output_so_far("web", "deaf") == "ready\n"; });
  caf::anon_send(reeve.api(), stop_container{"web", 3'600'000});
  eventually("it is stopping", [&] {
    return reeve.process_of("web", "deaf").phase == process_phase::stopping;
  });
  auto since = clock_type::now();
  reeve.ask<container_is>(destroy_container{"web", true, 0});
  CHECK(clock_type::now() - since < patiently(5s));
  check_down(info.id, {info.pid});
}

TEST_CASE("life: a root file system that is not there is told by its path",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.image.reset();
  for (const auto* path : {"/no/such/directory", "/proc/version"}) {
    spec.rootfs = path;
    auto text =
        reeve.refusal<container_created>(create_container{0, spec, false});
    CHECK(text.find(path) != std::string::npos);
    CHECK(reeve.container_names().empty());
  }
}

TEST_CASE("life: a stop of what is removed on exit is answered when it is gone",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve{0};
  auto spec = instance::spec("once");
  spec.remove_on_exit = true;
  spec.processes = {instance::sleeper("main")};
  reeve.create(spec);
  reeve.ask<container_is>(stop_container{"once", 0});
  CHECK(reeve.container_names().empty());
  check_no_files(reeve);
}

TEST_CASE("life: whoever asks while a container goes has an answer",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  for (auto round = 0; round < 10; ++round) {
    reeve.create("web");
    // One after another, from long before its end until after it.
    std::vector<std::string> answers(60);
    std::vector<std::thread> askers;
    for (auto& answer : answers) {
      askers.emplace_back([&] {
        answer = reeve.complaint<container_is>(destroy_container{"web", true});
      });
      std::this_thread::sleep_for(100us);
    }
    for (auto& asker : askers)
      asker.join();
    CHECK(std::ranges::count(answers, "") >= 1); // whose thread was first
    for (const auto& answer : answers)
      if (!answer.empty())
        CHECK_THAT(answer, ContainsSubstring("there is no container \"web\""));
  }
}

TEST_CASE("life: of processes that were run once the newest hundred are kept",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  spec.processes = {instance::process("declared", {"true"})};
  reeve.create(spec);
  reeve.wait("web", "declared");
  for (int i = 0; i < 105; ++i) {
    auto id = "run-" + std::to_string(i);
    reeve.run("web", instance::process(id, {"echo", "out"}));
    reeve.wait("web", id);
  }
  eventually("the oldest are dropped",
             [&] { return reeve.details_of("web").processes.size() == 101; });
  reeve.refusal<process_is>(wait_process{"web", "run-4", 0});
  CHECK(reeve.process_of("web", "run-5").phase == process_phase::exited);
  CHECK(reeve.process_of("web", "declared").phase == process_phase::exited);
  auto info = reeve.details_of("web").info;
  auto log = reeve.root() + "/state/containers/" + info.id + "/log";
  for (const auto& file : directories_in(log))
    CHECK_FALSE(file.starts_with("run-4."));
}

TEST_CASE("life: namespaces of what is not up cannot be shared",
          "[integration][life]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  reeve.ask<container_is>(stop_container{"web", 0});
  auto spec = instance::spec("beside");
  spec.namespaces.net = {config::namespace_mode::join, "web"};
  auto text =
      reeve.refusal<container_created>(create_container{0, spec, false});
  CHECK(text.find("'web' is stopped") != std::string::npos);
  reeve.ask<container_is>(start_container{"web"});
  reeve.create(spec);
}
