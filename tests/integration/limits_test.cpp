// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/output_so_far.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <chrono>
#include <cmath>
#include <csignal>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// What the kernel lets a process have of `Cpus` or `Mems`.
std::string allowed(pid_t pid, const std::string& of_what) {
  auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  auto label = of_what + "_allowed_list:\t";
  auto at = status.find(label);
  REQUIRE(at != std::string::npos);
  at += label.size();
  return status.substr(at, status.find('\n', at) - at);
}

template <class Work>
void within_a_second(const char* what, Work work) {
  auto start = clock::now();
  work();
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now()
                                                                    - start);
  INFO(what << " took " << took.count() << " ms");
  CHECK(took < patiently(1s));
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
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  set(reeve, "box", {{"memory.limit", "32M"}});
  CHECK(kernel_limit(pid, "memory.limit") == 32 * mib);
  auto done = reeve.run_to_end(
      "box", instance::process("hog", {"probe", "allocate", "64"}));
  CHECK(done.reason == exit_reason::oom(oom_limit::own));
  CHECK(done.out.empty());
  CHECK(memory_peak(pid) <= 32 * mib);
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

TEST_CASE(
    "limits: a process killed for the limit of an enclosing group says so",
    "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  set(reeve, "box", {{"memory.limit", "128M"}});
  auto own = std::filesystem::path{
      limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max")};
  auto outer = own.parent_path();
  while (!outer.filename().string().starts_with("reeve-"))
    outer = outer.parent_path();
  auto file = outer / own.filename();
  std::ofstream{file} << 48 * mib;
  auto hog = instance::process("hog", {"probe", "allocate", "64"});
  CHECK(reeve.run_to_end("box", hog).reason
        == exit_reason::oom(oom_limit::ancestor));
  std::ofstream{file} << 512 * mib;
  set(reeve, "box", {{"memory.limit", "32M"}});
  CHECK(reeve.run_to_end("box", hog).reason
        == exit_reason::oom(oom_limit::own));
  CHECK(reeve.process_of("box", "peer").pid == pid);
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
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"memory.limit", "16M"}}});
  INFO(why);
  CHECK(why.find("in use") != std::string::npos);
  CHECK(why.find("EBUSY") != std::string::npos);
  CHECK(kernel_limit(pid, "memory.limit") == 96 * mib);
  CHECK(limit_of(reeve, "box", "memory.limit")
        == config::to_text(spec.limits, "memory.limit").value());
  set(reeve, "box", {{"memory.limit", "64M"}}); // lower, but enough
  CHECK(kernel_limit(pid, "memory.limit") == 64 * mib);
  set(reeve, "box", {{"memory.limit", "max"}});
  CHECK(kernel_limit(pid, "memory.limit") > std::uint64_t{1} << 60U);
  CHECK(reeve.process_of("box", "hog").pid == pid);
}

TEST_CASE("limits: by force the largest go until it fits, and no others",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  auto hog = [&](const char* id, const char* mebibytes) {
    auto pid =
        reeve
            .run("box", instance::process(id, {"probe", "allocate", mebibytes}))
            .pid;
    eventually("the memory is allocated", [&] {
      return output_so_far(reeve, "box", id) == "allocated\n";
    });
    return pid;
  };
  auto small = hog("small", "12");
  auto large = hog("large", "40");
  auto middle = hog("middle", "20");
  auto forced = set_limits{"box", {{"memory.limit", "48M"}}, true};
  auto done = reeve.ask<limits_in_force>(forced);
  CHECK(done.killed == std::vector<std::int32_t>{large});
  CHECK(kernel_limit(peer, "memory.limit") == 48 * mib);
  CHECK_FALSE(is_alive(large));
  CHECK(reeve.wait("box", "large").last
        == exit_reason::signaled(SIGKILL, false));
  for (auto pid : {peer, small, middle})
    CHECK(is_alive(pid));
  // Where it fits nobody has to go.
  CHECK(reeve.ask<limits_in_force>(forced).killed.empty());
  // Nobody goes for what is refused in any case, or for another limit.
  forced.values = {{"memory.limit", "16M"}, {"cpuset.cpus", "1000"}};
  reeve.refusal<limits_in_force>(forced);
  for (auto pid : {peer, small, middle})
    CHECK(is_alive(pid));
  CHECK(kernel_limit(peer, "memory.limit") == 48 * mib);
  reeve.ask<container_is>(pause_container{"box"});
  forced.values = {{"memory.limit", "16M"}};
  CHECK(reeve.refusal<limits_in_force>(forced).find("is paused")
        != std::string::npos);
  reeve.ask<container_is>(resume_container{"box"});
  for (auto pid : {peer, small, middle})
    CHECK(is_alive(pid));

  // What is in a tmpfs does not go with them: it is refused when nobody is
  // left, and the old limit stays.
  CHECK(reeve.shell("box", "exec dd if=/dev/zero of=/dev/shm/x bs=1M count=10")
            .reason
        == exit_reason::exited(0));
  forced.values = {{"memory.limit", "4M"}};
  auto why = reeve.refusal<limits_in_force>(forced);
  INFO(why);
  CHECK(why.find("killed to make room: " + std::to_string(middle))
        != std::string::npos);
  CHECK(why.find("in use: ") != std::string::npos);
  reeve.wait("box", "small");
  auto again = reeve.run("box", instance::sleeper("again")).pid;
  CHECK(kernel_limit(again, "memory.limit") == 48 * mib);
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
  auto in_force = [pid] {
    std::vector<std::uint64_t> out;
    for (const auto* key :
         {"memory.limit", "pids.limit", "cpu.limit", "cpu.weight"})
      out.push_back(kernel_limit(pid, key));
    return out;
  };
  auto old = in_force();
  CHECK(old == std::vector<std::uint64_t>{96 * mib, 100, 1500, 50});
  // The kernel refuses the memory, whatever comes first.
  for (auto last : {true, false}) {
    std::vector<std::pair<std::string, std::string>> values{
        {"pids.limit", "7"}, {"cpu.limit", "0.5"}, {"cpu.weight", "200"}};
    values.insert(last ? values.end() : values.begin(),
                  {"memory.limit", "16M"});
    reeve.refusal<limits_in_force>(set_limits{"box", values});
    CHECK(in_force() == old);
  }
  // We refuse a value that makes no sense.
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"pids.limit", "7"}, {"cpu.limit", "fast"}}});
  CHECK(why.find("cpu.limit") != std::string::npos);
  CHECK(in_force() == old);
  auto kept = reeve.ask<container_details>(get_container{"box"}).spec.limits;
  CHECK(kept == spec.limits);

  set(reeve, "box",
      {{"pids.limit", "7"},
       {"cpu.limit", "0.5"},
       {"cpu.weight", "200"},
       {"memory.limit", "80M"}});
  CHECK(in_force() == std::vector<std::uint64_t>{80 * mib, 7, 500, 200});
}

TEST_CASE("limits: one that the machine lacks can be forgotten again",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto why =
      reeve.refusal<limits_in_force>(set_limits{"box", {{"io.read_bps", ""}}});
  CHECK(why.find("only one that is stopped can forget") != std::string::npos);
  reeve.ask<container_is>(stop_container{"box", 0});
  // At rest nobody can tell that there is no such device.
  set(reeve, "box", {{"io.read_bps", "4095:7:1M"}, {"pids.limit", "77"}});
  why = reeve.refusal<container_is>(start_container{"box"});
  INFO(why);
  CHECK(why.find("4095:7") != std::string::npos);
  set(reeve, "box", {{"io.read_bps", ""}});
  CHECK(reeve.details_of("box").spec.limits.io_read_bps.is_absent());
  reeve.ask<container_is>(start_container{"box"});
  CHECK(limit_of(reeve, "box", "pids.limit") == "77");
}

TEST_CASE("limits: a fork bomb stays within its pids",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  // That of a container that asks for nothing.
  CHECK(kernel_limit(peer, "pids.limit") == 2048);
  set(reeve, "box", {{"pids.limit", "40"}});
  CHECK(kernel_limit(peer, "pids.limit") == 40);
  reeve.run("box", instance::process("bomb", {"probe", "bomb"}));
  eventually("the bomb has hit the limit", [&] {
    return output_so_far(reeve, "box", "bomb").starts_with("fork: EAGAIN\n");
  });
  CHECK(tasks_now(peer) <= 40);
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
  auto used = processors_used(reeve, "loop", pid);
  INFO("processors " << used);
  CHECK(std::abs(used - 0.25) <= 0.025);
}

TEST_CASE("limits: processors and memory nodes are two sets, and live",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto loop = instance::process("loop", {"sh", "-c",
                                         "while true; do :; done & "
                                         "while true; do :; done"});
  auto pid = reeve.run("box", loop).pid;
  auto all_cpus = allowed(pid, "Cpus");
  auto all_nodes = allowed(pid, "Mems");
  auto one = all_cpus.substr(0, all_cpus.find_first_of("-,"));
  CHECK(limit_of(reeve, "box", "cpuset.cpus") == "max");
  set(reeve, "box", {{"cpuset.cpus", one}});
  CHECK(allowed(pid, "Cpus") == one);
  CHECK(allowed(pid, "Mems") == all_nodes);
  CHECK(reeve.shell("box", "grep Cpus_allowed_list /proc/self/status").out
        == "Cpus_allowed_list:\t" + one + "\n");
  auto used = processors_used(reeve, "loop", pid);
  INFO("processors " << used);
  CHECK(used < 1.05);

  set(reeve, "box", {{"cpuset.mems", "0"}});
  CHECK(allowed(pid, "Mems") == "0");
  for (const auto* key : {"cpuset.cpus", "cpuset.mems"}) {
    auto why = reeve.refusal<limits_in_force>(
        set_limits{"box", {{"pids.limit", "50"}, {key, "0,1000"}}});
    INFO(why);
    CHECK(why.find(key) != std::string::npos);
    CHECK(why.find("the group above has") != std::string::npos);
  }
  CHECK(allowed(pid, "Cpus") == one);
  CHECK(allowed(pid, "Mems") == "0");
  CHECK(kernel_limit(pid, "pids.limit") == 2048);
  set(reeve, "box", {{"cpuset.cpus", "max"}, {"cpuset.mems", "max"}});
  CHECK(allowed(pid, "Cpus") == all_cpus);
  CHECK(allowed(pid, "Mems") == all_nodes);

  set(reeve, "box", {{"cpuset.cpus", one}});
  reeve.ask<container_is>(stop_container{"box", 0});
  reeve.ask<container_is>(start_container{"box"}); // and it stays
  CHECK(allowed(reeve.run("box", instance::sleeper("peer")).pid, "Cpus")
        == one);
}

TEST_CASE("limits: weights share a processor, and who is idle gets the rest",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  struct contender {
    const char* name;
    const char* weight;
    pid_t pid;
    std::uint64_t before;
  };
  contender both[] = {{"heavy", "300", 0, 0}, {"light", "100", 0, 0}};
  for (auto& one : both) {
    auto spec = image.spec(one.name);
    spec.processes = {
        instance::process("loop", {"sh", "-c", "while true; do :; done"})};
    reeve.create(spec);
    one.pid = reeve.process_of(one.name, "loop").pid;
    auto cpus = allowed(one.pid, "Cpus");
    set(reeve, one.name,
        {{"cpuset.cpus", cpus.substr(0, cpus.find_first_of("-,"))},
         {"cpu.weight", one.weight}});
  }
  // How many times as much the first one got.
  auto ratio = [&] {
    for (auto& one : both)
      one.before = processor_time(one.pid);
    // Nothing else can be waited for but the time that is measured.
    reeve.ask<process_is>(wait_process{"heavy", "loop", 6000});
    return static_cast<double>(processor_time(both[0].pid) - both[0].before)
           / static_cast<double>(processor_time(both[1].pid) - both[1].before);
  };
  auto found = ratio();
  INFO("ratio " << found);
  CHECK(std::abs(found - 3) <= 0.75);

  set(reeve, "heavy", {{"cpu.idle", "true"}});
  CHECK(limit_of(reeve, "heavy", "cpu.idle") == "true");
  auto idle = ratio();
  INFO("of the idle one " << idle);
  CHECK(idle < 0.05);
  // It has no weight now, and has its own again afterwards: the kernel forgets.
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"heavy", {{"cpu.weight", "200"}}});
  INFO(why);
  CHECK(why.find("no weight while cpu.idle is true") != std::string::npos);
  set(reeve, "heavy", {{"cpu.idle", "false"}});
  CHECK(kernel_limit(both[0].pid, "cpu.weight") == 300);
  // Nor is it lost if another limit is refused, or is changed as well.
  reeve.refusal<limits_in_force>(
      set_limits{"heavy", {{"cpu.idle", "true"}, {"cpuset.cpus", "1000"}}});
  CHECK(limit_of(reeve, "heavy", "cpu.idle") == "false");
  CHECK(kernel_limit(both[0].pid, "cpu.weight") == 300);
  set(reeve, "heavy", {{"cpu.idle", "true"}, {"cpu.weight", "50"}});
  set(reeve, "heavy", {{"cpu.idle", "false"}});
  CHECK(kernel_limit(both[0].pid, "cpu.weight") == 50);
}

TEST_CASE("limits: a burst is spent at once, and no more than was saved up",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.cpus = 0.2;
  reeve.create(spec);
  auto now_and_then = instance::process("app", {"probe", "work", "30"});
  auto pid = reeve.run("box", now_and_then).pid;
  auto burst = [pid] {
    return read_file(
        limits_file(pid, "cpu", "cpu.cfs_burst_us", "cpu.max.burst"));
  };
  auto bursts = [pid] {
    return field_in(limits_file(pid, "cpu", "cpu.stat", "cpu.stat"),
                    "nr_bursts");
  };
  CHECK(burst() == "0\n");
  CHECK(bursts() == 0);
  set(reeve, "box", {{"cpu.burst", "20ms"}});
  CHECK(burst() == "20000\n");
  auto used = processors_used(reeve, "app", pid);
  INFO("processors " << used);
  CHECK(used <= 0.22);
  eventually("it has spent what it had saved up", [&] { return bursts() > 0; });

  // More than the limit gives is refused; the two change together, down and up,
  // whichever is named first.
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"cpu.burst", "30ms"}}});
  CHECK(why.find("at most what the limit gives") != std::string::npos);
  CHECK(burst() == "20000\n");
  set(reeve, "box", {{"cpu.limit", "0.1"}, {"cpu.burst", "10ms"}});
  CHECK(burst() == "10000\n");
  CHECK(kernel_limit(pid, "cpu.limit") == 100);
  set(reeve, "box", {{"cpu.burst", "50ms"}, {"cpu.limit", "0.5"}});
  CHECK(burst() == "50000\n");
  CHECK(kernel_limit(pid, "cpu.limit") == 500);
  // The last is refused: both of the others go back.
  reeve.refusal<limits_in_force>(set_limits{
      "box",
      {{"cpu.limit", "0.1"}, {"cpu.burst", "10ms"}, {"cpuset.cpus", "1000"}}});
  CHECK(burst() == "50000\n");
  CHECK(kernel_limit(pid, "cpu.limit") == 500);
}

TEST_CASE("limits: huge pages end at their limit, or the machine says why not",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  auto limited = set_limits{"box", {{"hugetlb.limit", "2MB:4M"}}};
  // What the machine's own group hands down is in the controllers of the next.
  auto is_handed_down = [] {
    for (const auto& top : noted_groups())
      if (top.find("/hugetlb/") != std::string::npos
          || read_file(top + "/cgroup.controllers").find("hugetlb")
                 != std::string::npos)
        return true;
    return false;
  };
  if (!is_handed_down()) {
    auto why = reeve.refusal<limits_in_force>(limited);
    INFO(why);
    CHECK((why.find("write +hugetlb to cgroup.subtree_control")
               != std::string::npos
           || why.find("the machine does not mount it") != std::string::npos));
    // To take away what there is not is no change.
    set(reeve, "box", {{"hugetlb.limit", "max"}});
    for (const auto& limit : reeve.details_of("box").limits)
      CHECK(limit.key != "hugetlb.limit");
    return;
  }
  if (std::stoi(read_file("/proc/sys/vm/nr_hugepages")) < 10)
    return skip("the machine has set no huge pages aside");
  CHECK(limit_of(reeve, "box", "hugetlb.limit") == "max");
  auto five = instance::process("huge", {"probe", "huge", "5"});
  CHECK(reeve.run_to_end("box", five).reason == exit_reason::exited(0));
  reeve.ask<limits_in_force>(limited); // of a container that runs
  CHECK(limit_of(reeve, "box", "hugetlb.limit") == "2MB:4M");
  CHECK(read_file(limits_file(pid, "hugetlb", "hugetlb.2MB.limit_in_bytes",
                              "hugetlb.2MB.max"))
        == "4194304\n");
  auto done = reeve.run_to_end("box", five);
  CHECK(done.reason.kind == exit_reason::signaled(SIGBUS, false).kind);
  CHECK(done.reason.signal == SIGBUS);
  CHECK(done.out == "1\n2\n");
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"hugetlb.limit", "3MB:3M"}}});
  CHECK(why.find("this machine has") != std::string::npos);
  set(reeve, "box", {{"hugetlb.limit", "max"}});
  CHECK(reeve.run_to_end("box", five).reason == exit_reason::exited(0));
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
    auto pid = reeve.run("box", instance::sleeper("p")).pid;
    reeve.ask<container_is>(pause_container{"box"});
    CHECK(is_frozen(pid));
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
    auto peer = reeve.run("box", instance::sleeper("peer")).pid;
    let_wait_for_memory(peer);
    reeve.run("box", instance::process("hog", {"probe", "allocate", "64"}));
    eventually("the hog waits for memory",
               [&] { return waits_for_memory(peer); });
    answers_at_once(reeve, "box", "hog", SIGTERM);
  }
  CHECK(leaked_since(before).empty());
}
