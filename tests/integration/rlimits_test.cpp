// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Limits of each process of a container, as /proc/PID/limits has them.

#include "kernel-iface/rlimits.hpp"

#include "tests/integration/limit_requests.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

// "SOFT:HARD" of a line of /proc/PID/limits; empty for a process that is gone.
std::string kernel_rlimit(pid_t pid, const std::string& name) {
  std::istringstream in{read_file("/proc/" + std::to_string(pid) + "/limits")};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name))
      continue;
    std::istringstream rest{line.substr(name.size())};
    std::string soft;
    std::string hard;
    rest >> soft >> hard;
    return soft + ":" + hard;
  }
  return {};
}

constexpr auto files = "Max open files";

config::process_spec shell(const std::string& id, const std::string& script) {
  return api_client::process(id, {"sh", "-c", script});
}

} // namespace

TEST_CASE("rlimits: all processes have them, and those that come later",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  CHECK(limit_of(reeve, "box", "rlimit.nofile").starts_with("1024:"));
  auto parent = reeve.run("box", shell("old", "sleep 1000 & wait")).pid;
  eventually("it has a child", [&] { return !children_of(parent).empty(); });
  auto child = children_of(parent).front();
  // One that has lowered its own, for good.
  auto careful =
      reeve.run("box", shell("careful", "ulimit -n 30; exec sleep 9999")).pid;
  eventually("it has lowered it",
             [&] { return kernel_rlimit(careful, files) == "30:30"; });

  set(reeve, "box", {{"rlimit.nofile", "100:200"}, {"rlimit.core", "0"}});
  CHECK(limit_of(reeve, "box", "rlimit.nofile") == "100:200");
  CHECK(limit_of(reeve, "box", "rlimit.core") == "0");
  for (auto pid : {parent, child}) {
    CHECK(kernel_rlimit(pid, files) == "100:200");
    CHECK(kernel_rlimit(pid, "Max core file size") == "0:0");
  }
  CHECK(kernel_rlimit(careful, files) == "30:30");

  auto later = reeve.run("box", instance::sleeper("later")).pid;
  CHECK(kernel_rlimit(later, files) == "100:200");
  auto own = instance::sleeper("own");
  own.rlimits = {{"nofile", {50, 60}}};
  CHECK(kernel_rlimit(reeve.run("box", own).pid, files) == "50:60");
  own.id = "more";
  own.rlimits = {{"nofile", {150, 300}}};
  CHECK(kernel_rlimit(reeve.run("box", own).pid, files) == "150:200");

  // Lower still, of all who have more.
  set(reeve, "box", {{"rlimit.nofile", "40:55"}});
  for (auto pid : {parent, child, later})
    CHECK(kernel_rlimit(pid, files) == "40:55");
  CHECK(kernel_rlimit(careful, files) == "30:30");
  CHECK(kernel_rlimit(reeve.process_of("box", "own").pid, files) == "50:55");
  CHECK(kernel_rlimit(reeve.process_of("box", "more").pid, files) == "55:55");
}

TEST_CASE("rlimits: a process that runs is held to a new one",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  reeve.run("box", shell("writer", "while ! [ -e /go ]; do sleep 0.02; done; "
                                   "dd if=/dev/zero of=/file bs=64k count=99; "
                                   "stat -c %s /file"));
  set(reeve, "box", {{"rlimit.fsize", "1M"}});
  reeve.shell("box", "touch /go");
  reeve.wait("box", "writer");
  CHECK(reeve.output("box", "writer") == std::to_string(mib) + "\n");
}

TEST_CASE("rlimits: what cannot be is refused, and nothing of it is done",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  auto other = reeve.run("box", instance::sleeper("other")).pid;
  set(reeve, "box", {{"rlimit.nofile", "100"}, {"pids.limit", "60"}});
  // No process of any container may have more descriptors than fs.nr_open.
  auto refused = reeve.refusal<limits_in_force>(set_limits{
      "box", {{"pids.limit", "50"}, {"rlimit.nofile", "4294967296"}}});
  CHECK_THAT(refused, ContainsSubstring("RLIMIT_NOFILE")
                          && ContainsSubstring("CAP_SYS_RESOURCE")
                          && ContainsSubstring("EPERM"));
  CHECK(limit_of(reeve, "box", "pids.limit") == "60");
  CHECK(limit_of(reeve, "box", "rlimit.nofile") == "100");
  CHECK(kernel_rlimit(pid, files) == "100:100");

  if (kernel::may_raise_rlimits()) {
    set(reeve, "box", {{"rlimit.nofile", "300:400"}});
    CHECK(kernel_rlimit(pid, files) == "300:400");
  } else {
    refused =
        reeve.refusal<limits_in_force>(set_limits{"box",
                                                  {{"pids.limit", "50"},
                                                   {"rlimit.fsize", "1M"},
                                                   {"rlimit.nofile", "300"}}});
    CHECK_THAT(refused,
               ContainsSubstring("process " + std::to_string(pid))
                   || ContainsSubstring("process " + std::to_string(other)));
    CHECK_THAT(refused, ContainsSubstring("which has 100:100"));
    CHECK(limit_of(reeve, "box", "pids.limit") == "60");
    CHECK(kernel_rlimit(pid, files) == "100:100");
    for (auto one : {pid, other})
      CHECK(kernel_rlimit(one, "Max file size") == "unlimited:unlimited");
  }
  CHECK_THAT(reeve.refusal<limits_in_force>(
                 set_limits{"box", {{"rlimit.nofile", "20:10"}}}),
             ContainsSubstring("at most 10"));
  CHECK_THAT(reeve.refusal<limits_in_force>(
                 set_limits{"box", {{"rlimit.nofiles", "20"}}}),
             ContainsSubstring("nearest: rlimit.nofile"));
  // In a spec as well, and nothing is left of it.
  auto spec = instance::spec("high");
  REQUIRE(config::set_key(spec.limits, "rlimit.nofile", "4294967296"));
  CHECK_THAT(reeve.refusal<container_created>(create_container{0, spec, false}),
             ContainsSubstring("RLIMIT_NOFILE"));
}

TEST_CASE("rlimits: a daemon that may gives processes more than it has",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_MEMLOCK, &own) == 0);
  if (own.rlim_max == RLIM_INFINITY)
    own = {64 * mib, 64 * mib};
  if (!kernel::may_raise_rlimits() || ::setrlimit(RLIMIT_MEMLOCK, &own) != 0)
    return skip("without CAP_SYS_RESOURCE nobody raises a hard limit");
  instance reeve;
  auto spec = instance::spec("box");
  REQUIRE(config::set_key(spec.limits, "rlimit.memlock", "max"));
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  CHECK(kernel_rlimit(pid, "Max locked memory") == "unlimited:unlimited");
  // Who asks for nothing has what is usual, not what PID 1 has.
  reeve.create("usual");
  pid = reeve.run("usual", instance::sleeper("app")).pid;
  CHECK(kernel_rlimit(pid, "Max locked memory")
        == std::to_string(own.rlim_cur) + ":" + std::to_string(own.rlim_max));
}

TEST_CASE("rlimits: nobody is missed who is being forked or started",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("box");
  REQUIRE(config::set_key(spec.limits, "pids.limit", "200"));
  reeve.create(spec);
  auto id = reeve.details_of("box").info.id;
  reeve.run("box", shell("forks", "while :; do sleep 0.2 & sleep 0.2 & "
                                  "(sleep 0.1; sleep 0.1) & wait $!; done"));
  std::atomic<bool> done{false};
  std::string refused_starts;
  std::string refused_sets;
  std::thread starts{[&] {
    for (auto i = 0; i < 60; ++i)
      refused_starts += reeve.complaint<process_started>(run_process{
          0, "box", instance::sleeper("p" + std::to_string(i)), false});
    done = true;
  }};
  auto limit = 900;
  for (; !done && limit > 100; --limit)
    refused_sets += reeve.complaint<limits_in_force>(
        set_limits{"box", {{"rlimit.nofile", std::to_string(limit)}}});
  starts.join();
  CHECK(refused_starts.empty());
  CHECK(refused_sets.empty());
  // Whose start was under way has the last one as soon as it is known to run.
  auto wanted = limit_of(reeve, "box", "rlimit.nofile");
  CHECK(wanted == std::to_string(limit + 1));
  wanted += ":" + wanted;
  eventually("all have it", [&] {
    for (auto pid : members_of(id))
      if (auto now = kernel_rlimit(pid, files); !now.empty() && now != wanted)
        return false;
    return true;
  });
}

TEST_CASE("rlimits: who was being forked has it a second later",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  set(reeve, "box", {{"rlimit.nofile", "100:200"}});
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  // As a child has it whose parent had it when its fork began. A slow machine
  // may be a second late.
  auto is_mended = false;
  for (auto tries = 0; tries < 3 && !is_mended; ++tries) {
    set(reeve, "box", {{"rlimit.nofile", "100:200"}});
    set(reeve, "box", {{"rlimit.nofile", "50:200"}, {"rlimit.core", "0"}});
    REQUIRE(kernel_rlimit(pid, files) == "50:200");
    rlimit before{100, 200};
    REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &before, nullptr) == 0);
    // Nothing is to be done but to wait.
    reeve.ask<process_is>(wait_process{"box", "app", 3000});
    is_mended = kernel_rlimit(pid, files) == "50:200";
  }
  CHECK(is_mended);
}

TEST_CASE("rlimits: what was set before a stop does not come back",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  set(reeve, "box", {{"rlimit.nofile", "100"}});
  reeve.ask<container_is>(stop_container{"box", 0});
  set(reeve, "box", {{"rlimit.nofile", "300"}});
  reeve.ask<container_is>(start_container{"box"});
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  // Longer than those are looked after who were being forked.
  reeve.ask<process_is>(wait_process{"box", "app", 2000});
  CHECK(kernel_rlimit(pid, files) == "300:300");
}

TEST_CASE("rlimits: a start that was ordered before a change has the new ones",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  set(reeve, "box", {{"rlimit.nofile", "100"}});
  auto holder = reeve.details_of("box").info.pid;
  REQUIRE(::kill(holder, SIGSTOP) == 0);
  std::string refused;
  std::thread starts{[&] {
    refused = reeve.complaint<process_started>(
        run_process{0, "box", instance::sleeper("app"), false});
  }};
  eventually("it is being started", [&] {
    auto all = reeve.details_of("box").processes;
    return !all.empty() && all.front().phase == process_phase::starting;
  });
  auto not_set = reeve.complaint<limits_in_force>(
      set_limits{"box", {{"rlimit.nofile", "50:60"}}});
  ::kill(holder, SIGCONT);
  starts.join();
  CHECK(not_set.empty());
  CHECK(refused.empty());
  auto pid = reeve.process_of("box", "app").pid;
  eventually("it has what was set meanwhile",
             [&] { return kernel_rlimit(pid, files) == "50:60"; });
}

TEST_CASE("rlimits: the next daemon knows them, and a stopped container does",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("box");
  auto pid = reeve.run("box", api_client::sleeper("app")).pid;
  set(reeve, "box", {{"rlimit.nofile", "100:200"}});
  reeve.kill();
  reeve.start();
  CHECK(limit_of(reeve, "box", "rlimit.nofile") == "100:200");
  CHECK(reeve.process_of("box", "app").pid == pid);
  CHECK(kernel_rlimit(pid, files) == "100:200");
  auto later = reeve.run("box", api_client::sleeper("later")).pid;
  CHECK(kernel_rlimit(later, files) == "100:200");

  reeve.ask<container_is>(stop_container{"box", 0});
  set(reeve, "box", {{"rlimit.nofile", "300:400"}});
  reeve.ask<container_is>(start_container{"box"});
  later = reeve.run("box", api_client::sleeper("after")).pid;
  CHECK(kernel_rlimit(later, files) == "300:400");
  reeve.ask<container_is>(stop_container{"box", 0});
  set(reeve, "box", {{"rlimit.nofile", ""}});
  reeve.ask<container_is>(start_container{"box"});
  later = reeve.run("box", api_client::sleeper("last")).pid;
  CHECK(kernel_rlimit(later, files).starts_with("1024:"));
}

TEST_CASE("rlimits: what processes have stays so under a daemon with others",
          "[integration][limits][rlimits]") {
  if (!is_root())
    return;
  constexpr auto stack = "Max stack size";
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_STACK, &own) == 0);
  daemon_process reeve;
  reeve.create("box");
  auto first = reeve.run("box", api_client::sleeper("first")).pid;
  auto before = kernel_rlimit(first, stack);
  auto told = limit_of(reeve, "box", "rlimit.stack");
  reeve.kill();
  rlimit other{std::min<rlim_t>(own.rlim_cur, 8 * mib) / 2, own.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_STACK, &other) == 0);
  reeve.start();
  REQUIRE(::setrlimit(RLIMIT_STACK, &own) == 0);
  CHECK(limit_of(reeve, "box", "rlimit.stack") == told);
  auto second = reeve.run("box", api_client::sleeper("second")).pid;
  CHECK(kernel_rlimit(second, stack) == before);
  // Both follow.
  auto value = std::to_string(other.rlim_cur + 4096);
  auto hard = before.substr(before.find(':'));
  set(reeve, "box",
      {{"rlimit.stack", value + (hard == ":unlimited" ? ":max" : hard)}});
  for (auto pid : {first, second})
    CHECK(kernel_rlimit(pid, stack) == value + hard);
  // A new PID 1 is this daemon's.
  reeve.create("new");
  auto third = reeve.run("new", api_client::sleeper("third")).pid;
  CHECK(kernel_rlimit(third, stack)
            .starts_with(std::to_string(other.rlim_cur) + ":"));
}
