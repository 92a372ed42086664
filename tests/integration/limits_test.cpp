// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/output_so_far.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto mib = std::uint64_t{1} << 20U;

std::uint64_t number_in(const std::string& path) {
  auto text = read_host_file(path);
  INFO(path << ": " << text);
  REQUIRE_FALSE(text.empty());
  return std::stoull(text);
}

std::string limit_of(instance& reeve, const std::string& name,
                     const std::string& key) {
  auto all = reeve.ask<limits_in_force>(get_limits{name, {key}}).limits;
  REQUIRE(all.size() == 1);
  return all.front().value;
}

void set(instance& reeve, const std::string& name,
         std::vector<std::pair<std::string, std::string>> values) {
  reeve.ask<limits_in_force>(set_limits{name, std::move(values)});
}

pid_t allocate(instance& reeve, const std::string& name,
               const char* mebibytes) {
  auto pid =
      reeve
          .run(name, instance::process("hog", {"probe", "allocate", mebibytes}))
          .pid;
  eventually("the memory is allocated", [&] {
    return output_so_far(reeve, name, "hog") == "allocated\n";
  });
  return pid;
}

template <class Work>
void within_a_second(const char* what, Work work) {
  auto start = clock::now();
  work();
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now()
                                                                    - start);
  INFO(what << " took " << took.count() << " ms");
  CHECK(took < 1s);
}

// The promise of design.md, section 4: whatever state the container is in.
void answers_at_once(instance& reeve, const std::string& name,
                     const std::string& process, int signo) {
  within_a_second("ps", [&] {
    auto all = reeve.ask<container_details>(get_container{name}).processes;
    CHECK_FALSE(all.empty());
  });
  within_a_second("signal", [&] {
    reeve.ask<process_is>(signal_process{name, process, signo, false});
  });
  within_a_second("destroy", [&] {
    reeve.ask<container_is>(destroy_container{name, true, 0});
  });
  reeve.refusal<container_details>(get_container{name});
}

} // namespace

TEST_CASE("limits: a process over the memory limit is killed and says why",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.run("box", instance::process("peer", {"sleep", "1000"})).pid;
  set(reeve, "box", {{"memory.limit", "32M"}});
  CHECK(number_in(cgroup_file(pid, "memory", "memory.limit_in_bytes"))
        == 32 * mib);
  auto done = reeve.run_to_end(
      "box", instance::process("hog", {"probe", "allocate", "64"}));
  CHECK(done.reason == exit_reason::oom(oom_limit::own));
  CHECK(done.out.empty());
  CHECK(number_in(cgroup_file(pid, "memory", "memory.max_usage_in_bytes"))
        <= 32 * mib);
  CHECK(reeve.process_of("box", "peer").pid == pid);

  // A tmpfs is memory, too.
  CHECK(reeve.shell("box", "exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60")
            .reason
        == exit_reason::oom(oom_limit::own));
  CHECK(reeve.shell("box", "rm /dev/shm/x").reason == exit_reason::exited(0));

  set(reeve, "box", {{"memory.limit", "128M"}});
  allocate(reeve, "box", "64");
  CHECK(reeve.process_of("box", "hog").phase == process_phase::running);
}

TEST_CASE("limits: a limit below what is in use is refused, the old one stays",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 96 * mib;
  reeve.create(spec);
  auto pid = allocate(reeve, "box", "48");
  auto file = cgroup_file(pid, "memory", "memory.limit_in_bytes");
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"memory.limit", "16M"}}});
  INFO(why);
  CHECK(why.find("in use") != std::string::npos);
  CHECK(why.find("EBUSY") != std::string::npos);
  CHECK(number_in(file) == 96 * mib);
  CHECK(limit_of(reeve, "box", "memory.limit")
        == config::to_text(spec.limits, "memory.limit").value());
  set(reeve, "box", {{"memory.limit", "64M"}}); // lower, but enough
  CHECK(number_in(file) == 64 * mib);
  set(reeve, "box", {{"memory.limit", "max"}});
  CHECK(number_in(file) > std::uint64_t{1} << 60U);
  CHECK(reeve.process_of("box", "hog").pid == pid);
}

TEST_CASE("limits: several values are set all or none",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 96 * mib;
  spec.limits.pids = 100;
  spec.limits.cpus = 1.5;
  spec.limits.cpu_weight = 50;
  reeve.create(spec);
  auto pid = allocate(reeve, "box", "48");
  auto files = [pid] {
    return std::vector<std::string>{
        read_host_file(cgroup_file(pid, "memory", "memory.limit_in_bytes")),
        read_host_file(cgroup_file(pid, "pids", "pids.max")),
        read_host_file(cgroup_file(pid, "cpu", "cpu.cfs_quota_us")),
        read_host_file(cgroup_file(pid, "cpu", "cpu.shares"))};
  };
  auto old = files();
  CHECK(old
        == std::vector<std::string>{std::to_string(96 * mib) + "\n", "100\n",
                                    "150000\n", "512\n"});
  // The kernel refuses the memory, whatever comes first.
  for (auto last : {true, false}) {
    std::vector<std::pair<std::string, std::string>> values{
        {"pids.limit", "7"}, {"cpu.limit", "0.5"}, {"cpu.weight", "200"}};
    values.insert(last ? values.end() : values.begin(),
                  {"memory.limit", "16M"});
    reeve.refusal<limits_in_force>(set_limits{"box", values});
    CHECK(files() == old);
  }
  // We refuse a value that makes no sense.
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"pids.limit", "7"}, {"cpu.limit", "fast"}}});
  CHECK(why.find("cpu.limit") != std::string::npos);
  CHECK(files() == old);
  auto kept = reeve.ask<container_details>(get_container{"box"}).spec.limits;
  CHECK(kept == spec.limits);

  set(reeve, "box",
      {{"pids.limit", "7"},
       {"cpu.limit", "0.5"},
       {"cpu.weight", "200"},
       {"memory.limit", "80M"}});
  CHECK(files()
        == std::vector<std::string>{std::to_string(80 * mib) + "\n", "7\n",
                                    "50000\n", "2048\n"});
}

TEST_CASE("limits: a fork bomb stays within its pids",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto peer =
      reeve.run("box", instance::process("peer", {"sleep", "1000"})).pid;
  auto limit = cgroup_file(peer, "pids", "pids.max");
  CHECK(number_in(limit) == 2048); // of a container that asks for nothing
  set(reeve, "box", {{"pids.limit", "40"}});
  CHECK(number_in(limit) == 40);
  reeve.run("box", instance::process("bomb", {"probe", "bomb"}));
  eventually("the bomb has hit the limit", [&] {
    return output_so_far(reeve, "box", "bomb").starts_with("fork: EAGAIN\n");
  });
  CHECK(number_in(cgroup_file(peer, "pids", "pids.current")) <= 40);
  // Who joins a group from outside is not held up: help can come in.
  CHECK(reeve.run_to_end("box", instance::process("help", {"echo", "in"})).out
        == "in\n");
  // The host and other containers have room.
  reeve.create(image.spec("other"));
  CHECK(reeve.shell("other", "echo ok").out == "ok\n");
  answers_at_once(reeve, "box", "peer", SIGTERM);
}

TEST_CASE("limits: a busy loop gets the processor time it may have",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.cpus = 0.25;
  reeve.create(spec);
  auto pid =
      reeve
          .run("box", instance::process("loop", {"sh", "-c",
                                                 "while true; do :; done & "
                                                 "while true; do :; done"}))
          .pid;
  auto usage = cgroup_file(pid, "cpuacct", "cpuacct.usage");
  auto before = number_in(usage);
  auto start = clock::now();
  // Nothing else can be waited for but the time that is measured.
  reeve.ask<process_is>(wait_process{"box", "loop", 6000});
  auto used = static_cast<double>(number_in(usage) - before);
  auto wall = static_cast<double>(
      std::chrono::nanoseconds{clock::now() - start}.count());
  REQUIRE(wall > 5e9);
  INFO("share " << used / wall);
  CHECK(std::abs(used / wall - 0.25) <= 0.025);
}

TEST_CASE("limits: a paused container answers and can be destroyed",
          "[integration][limits]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    instance reeve;
    reeve.create(image.spec("box"));
    auto pid = reeve.run("box", instance::process("p", {"sleep", "1000"})).pid;
    reeve.ask<container_is>(pause_container{"box"});
    CHECK(read_host_file(cgroup_file(pid, "freezer", "freezer.state"))
          == "FROZEN\n");
    answers_at_once(reeve, "box", "p", SIGTERM);
  }
  CHECK(leaked_since(before).empty());
}

TEST_CASE("limits: a container that waits for memory answers and can be "
          "destroyed",
          "[integration][limits]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    instance reeve;
    auto spec = image.spec("box");
    spec.limits.memory_bytes = 32 * mib;
    reeve.create(spec);
    auto peer =
        reeve.run("box", instance::process("peer", {"sleep", "1000"})).pid;
    auto control = cgroup_file(peer, "memory", "memory.oom_control");
    std::ofstream{control} << "1" << std::flush;
    reeve.run("box", instance::process("hog", {"probe", "allocate", "64"}));
    eventually("the group is out of memory", [&] {
      return read_host_file(control).find("under_oom 1") != std::string::npos;
    });
    CHECK(read_host_file(control).starts_with("oom_kill_disable 1"));
    answers_at_once(reeve, "box", "hog", SIGTERM);
  }
  CHECK(leaked_since(before).empty());
}
