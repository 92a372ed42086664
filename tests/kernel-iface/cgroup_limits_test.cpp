// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_limits.hpp"

#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <cerrno>
#include <filesystem>
#include <string>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr auto box = "unified/reeve-t/c1/box/";
constexpr auto whole = "unified/reeve-t/c1/"; // the box and the holder
constexpr auto v1_max = "9223372036854771712\n";

struct v1_container : fake_cgroups {
  v1_container() : fake_cgroups{cgroup_mode::v1} {}
  container_cgroup group = must(open().create("c1"));
};

struct v2_container : fake_cgroups {
  v2_container() : fake_cgroups{cgroup_mode::v2} {
    put(std::string{box} + "memory.current", "4096\n");
  }
  container_cgroup group = must(open().create("c1"));
};

} // namespace

TEST_CASE("cgroup limits: v1 memory limits memory and swap alike",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  c.put("memory/reeve-t/c1/memory.limit_in_bytes", v1_max);
  CHECK(must(get_memory_limits(c.group)).memory == no_limit);
  c.put("memory/reeve-t/c1/memory.limit_in_bytes", "2097152\n");
  c.put("memory/reeve-t/c1/memory.memsw.limit_in_bytes", "2097152\n");
  must(set_memory_limits(c.group, {.memory = 1048576}));
  CHECK(c.get("memory/reeve-t/c1/memory.limit_in_bytes") == "1048576\n");
  CHECK(c.get("memory/reeve-t/c1/memory.memsw.limit_in_bytes") == "1048576\n");
  CHECK(must(get_memory_limits(c.group)).memory == 1048576);
}

TEST_CASE("cgroup limits: v1 keeps how much swap there is beside memory",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  auto memory = std::string{"memory/reeve-t/c1/memory.limit_in_bytes"};
  auto sum = std::string{"memory/reeve-t/c1/memory.memsw.limit_in_bytes"};
  c.put(memory, "4096\n");
  c.put(sum, "4096\n");
  CHECK(must(get_memory_limits(c.group)).swap == 0);
  must(set_memory_limits(c.group, {.swap = 1000}));
  CHECK(c.get(sum) == "5096\n");
  CHECK(must(get_memory_limits(c.group)).swap == 1000);
  must(set_memory_limits(c.group, {.memory = 8192}));
  CHECK(c.get(memory) == "8192\n");
  CHECK(c.get(sum) == "9192\n");
  must(set_memory_limits(c.group, {.memory = 2048}));
  CHECK(c.get(sum) == "3048\n");
  must(set_memory_limits(c.group, {.swap = no_limit}));
  CHECK(c.get(sum).starts_with("-1"));
  c.put(sum, v1_max);
  CHECK(must(get_memory_limits(c.group)).swap == no_limit);
  c.put(memory, v1_max);
  auto refused = set_memory_limits(c.group, {.swap = 1000});
  REQUIRE(!refused);
  CHECK(refused.error().code == EINVAL);
  CHECK(refused.error().hint == "set memory.limit first, or as well");
}

TEST_CASE("cgroup limits: v1 without swap accounting takes the memory limit",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  c.put("memory/reeve-t/c1/memory.limit_in_bytes", "");
  must(set_memory_limits(c.group, {.memory = no_limit}));
  CHECK(c.get("memory/reeve-t/c1/memory.limit_in_bytes") == "-1");
}

TEST_CASE("cgroup limits: a CPU limit is a quota of a 100 ms period",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  c.put("cpu,cpuacct/reeve-t/c1/cpu.cfs_period_us", "100000\n");
  c.put("cpu,cpuacct/reeve-t/c1/cpu.cfs_quota_us", "-1\n");
  CHECK(must(get_limit(c.group, limit_key::cpu_max)) == no_limit);
  must(set_limit(c.group, limit_key::cpu_max, 1500));
  CHECK(c.get("cpu,cpuacct/reeve-t/c1/cpu.cfs_quota_us") == "150000");
  CHECK(must(get_limit(c.group, limit_key::cpu_max)) == 1500);
  auto refused = set_limit(c.group, limit_key::cpu_max, 9);
  REQUIRE(!refused);
  CHECK(refused.error().code == EINVAL);
}

TEST_CASE("cgroup limits: a weight survives the scale of v1",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  auto shares = "cpu,cpuacct/reeve-t/c1/cpu.shares";
  for (std::uint64_t weight = 1; weight <= 10'000;
       weight += weight < 300 ? 1 : 97) {
    c.put(shares, "");
    must(set_limit(c.group, limit_key::cpu_weight, weight));
    REQUIRE(must(get_limit(c.group, limit_key::cpu_weight)) == weight);
  }
  c.put(shares, "");
  must(set_limit(c.group, limit_key::cpu_weight, 100));
  CHECK(c.get(shares) == "1024");
  for (std::uint64_t weight :
       {std::uint64_t{0}, std::uint64_t{10'001}, no_limit})
    CHECK(set_limit(c.group, limit_key::cpu_weight, weight).error().code
          == ERANGE);
}

TEST_CASE("cgroup limits: v2 limits the box, and weighs the whole",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  for (const auto* file : {"cpu.max", "pids.max"})
    c.put(std::string{box} + file, "");
  c.put(std::string{whole} + "cpu.weight", "");
  c.put(std::string{box} + "memory.max", "max");
  must(set_memory_limits(c.group, {.memory = 4096}));
  must(set_limit(c.group, limit_key::cpu_max, 250));
  must(set_limit(c.group, limit_key::cpu_weight, 300));
  must(set_limit(c.group, limit_key::pids_max, no_limit));
  CHECK(c.get(std::string{box} + "memory.max") == "4096");
  CHECK(c.get(std::string{box} + "cpu.max") == "25000 100000");
  CHECK(must(get_limit(c.group, limit_key::cpu_max)) == 250);
  CHECK(must(get_limit(c.group, limit_key::cpu_weight)) == 300);
  CHECK(must(get_limit(c.group, limit_key::pids_max)) == no_limit);
  c.put(std::string{box} + "cpu.max", "max 100000\n");
  CHECK(must(get_limit(c.group, limit_key::cpu_max)) == no_limit);
}

TEST_CASE("cgroup limits: v2 keeps swap within a limit of memory, too",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto memory = std::string{box} + "memory.max";
  auto swap = std::string{box} + "memory.swap.max";
  c.put(memory, "max");
  must(set_memory_limits(c.group, {.memory = 4096})); // no swap: no file
  CHECK(c.get(memory) == "4096");
  c.put(memory, "max");
  c.put(swap, "max");
  must(set_memory_limits(c.group, {.memory = 8192}));
  CHECK(c.get(memory) == "8192");
  CHECK(c.get(swap).starts_with("0"));
  c.put(memory, "000");
  c.put(swap, "0");
  must(set_memory_limits(c.group, {.memory = no_limit}));
  CHECK(c.get(memory) == "max");
  CHECK(c.get(swap) == "max");
}

TEST_CASE("cgroup limits: v2 keeps how much swap there is beside memory",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto memory = std::string{box} + "memory.max";
  auto swap = std::string{box} + "memory.swap.max";
  c.put(memory, "max\n");
  c.put(swap, "max");
  auto refused = set_memory_limits(c.group, {.swap = 1000});
  REQUIRE(!refused);
  CHECK(refused.error().code == EINVAL);
  c.put(memory, "4096");
  must(set_memory_limits(c.group, {.swap = 1000}));
  CHECK(c.get(swap) == "1000");
  must(set_memory_limits(c.group, {.memory = 8192}));
  CHECK(c.get(swap) == "1000");
  c.put(std::string{box} + "memory.swap.current", "500\n");
  refused = set_memory_limits(c.group, {.swap = 400});
  REQUIRE(!refused);
  CHECK(refused.error().code == EBUSY);
  CHECK(refused.error().hint == "in use: 500 bytes of swap");
  CHECK(c.get(swap) == "1000");
  CHECK(set_limit(c.group, limit_key::memory_swappiness, 10).error().code
        == ENOTSUP);
}

TEST_CASE("cgroup limits: v2 takes a limit back whose swap is refused",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto memory = std::string{box} + "memory.max";
  c.put(memory, "8192");
  // A directory is as good a refusal as the kernel's.
  c.put(std::string{box} + "memory.swap.max/x", "");
  auto refused = set_memory_limits(c.group, {.memory = 4096});
  REQUIRE(!refused);
  CHECK(to_string(refused.error()).find("memory.swap.max")
        != std::string::npos);
  CHECK(c.get(memory) == "8192");
}

TEST_CASE(
    "cgroup limits: v2 reclaims, then refuses what is below the memory in "
    "use",
    "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto memory = std::string{box} + "memory.max";
  auto swap = std::string{box} + "memory.swap.max";
  auto reclaim = std::string{box} + "memory.reclaim";
  c.put(memory, "max");
  c.put(swap, "max");
  c.put(reclaim, "");
  c.put(std::string{box} + "memory.current", "10000\n");
  auto refused = set_memory_limits(c.group, {.memory = 4096});
  REQUIRE(!refused);
  CHECK(refused.error().code == EBUSY);
  CHECK(refused.error().hint == "in use: 10000 bytes");
  CHECK(to_string(refused.error()).find("box/memory.max") != std::string::npos);
  CHECK(c.get(reclaim) == "5904");
  CHECK(c.get(memory) == "max");
  CHECK(c.get(swap) == "max");
  must(set_memory_limits(c.group, {.memory = 12288}));
  CHECK(c.get(memory) == "12288");
}

TEST_CASE("cgroup limits: a burst is in microseconds",
          "[kernel-iface][cgroup]") {
  auto one = v1_container{};
  one.put("cpu,cpuacct/reeve-t/c1/cpu.cfs_burst_us", "");
  must(set_limit(one.group, limit_key::cpu_burst, 20'000));
  CHECK(one.get("cpu,cpuacct/reeve-t/c1/cpu.cfs_burst_us") == "20000");
  CHECK(must(get_limit(one.group, limit_key::cpu_burst)) == 20'000);
  auto two = v2_container{};
  auto refused = set_limit(two.group, limit_key::cpu_burst, 1);
  REQUIRE(!refused);
  CHECK(refused.error().hint == "cpu.burst needs Linux 5.14");
  two.put(std::string{box} + "cpu.max.burst", "");
  must(set_limit(two.group, limit_key::cpu_burst, 500));
  CHECK(two.get(std::string{box} + "cpu.max.burst") == "500");
}

TEST_CASE("cgroup limits: v1 has cpusets of its own always",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  auto above = std::string{"cpuset/reeve-t/"};
  c.put(above + "cpuset.effective_cpus", "0-3\n");
  c.put(above + "cpuset.effective_mems", "0-1\n");
  auto cpus = above + "c1/cpuset.cpus";
  auto mems = above + "c1/cpuset.mems";
  auto migrate = above + "c1/cpuset.memory_migrate";
  c.put(cpus, "0-3\n");
  CHECK(must(get_cpuset(c.group, cpuset_key::cpus)).empty());
  must(set_cpuset(c.group, cpuset_key::cpus, "1-2"));
  CHECK(c.get(cpus) == "1-2\n");
  CHECK(must(get_cpuset(c.group, cpuset_key::cpus)) == "1-2");
  must(set_cpuset(c.group, cpuset_key::cpus, ""));
  CHECK(c.get(cpus) == "0-3\n");
  c.put(mems, "");
  c.put(migrate, "0\n");
  must(set_cpuset(c.group, cpuset_key::mems, "1"));
  CHECK(c.get(mems) == "1");
  CHECK(c.get(migrate) == "1\n"); // what is there moves, too
}

TEST_CASE("cgroup limits: v2 takes no cpuset that it would not have in force",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto cpus = std::string{box} + "cpuset.cpus";
  c.put("unified/reeve-t/c1/cpuset.cpus.effective", "0-1\n");
  c.put(cpus, "\n");
  CHECK(must(get_cpuset(c.group, cpuset_key::cpus)).empty());
  must(set_cpuset(c.group, cpuset_key::cpus, "0"));
  CHECK(must(get_cpuset(c.group, cpuset_key::cpus)) == "0");
  c.put(cpus, "0-1\n");
  auto refused = set_cpuset(c.group, cpuset_key::cpus, "0-7");
  REQUIRE(!refused);
  CHECK(refused.error().code == EINVAL);
  CHECK(refused.error().hint == "the group above has 0-1");
  CHECK(to_string(refused.error()).find("box/cpuset.cpus")
        != std::string::npos);
  CHECK(c.get(cpus) == "0-1\n"); // as it was
  // What was in force before need not be there any more.
  c.put(cpus, "");
  must(restore_cpuset(c.group, cpuset_key::cpus, "0-7"));
  CHECK(c.get(cpus) == "0-7\n");
}

TEST_CASE("cgroup limits: a refused limit names the file and the value",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto refused = set_limit(c.group, limit_key::pids_max, 7);
  REQUIRE(!refused);
  auto text = to_string(refused.error());
  CHECK(text.find("write \"7\" to") != std::string::npos);
  CHECK(text.find("/c1/box/pids.max") != std::string::npos);
  CHECK(text.find("controller is not enabled") != std::string::npos);
}

TEST_CASE("cgroup limits: a controller that is not mounted is named",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  std::erase_if(fake.mounts.v1, [](const auto& h) {
    return h.controllers.contains(controller::memory);
  });
  auto group = must(fake.open().create("c1"));
  auto refused = set_memory_limits(group, {.memory = 1});
  REQUIRE(!refused);
  CHECK(refused.error().code == ENODEV);
  CHECK(refused.error().operation.find("memory") != std::string::npos);
}

TEST_CASE("cgroup freezer: the three states of v1 and of v2",
          "[kernel-iface][cgroup]") {
  auto one = v1_container{};
  auto state = "freezer/reeve-t/c1/freezer.state";
  one.put(state, "FREEZING\n");
  CHECK(must(get_freeze_state(one.group)) == freeze_state::freezing);
  must(request_freeze(one.group));
  CHECK(must(get_freeze_state(one.group)) == freeze_state::frozen);
  one.put(state, "");
  must(request_thaw(one.group));
  CHECK(must(get_freeze_state(one.group)) == freeze_state::thawed);
  one.put(state, "odd\n");
  CHECK(!get_freeze_state(one.group));

  auto two = v2_container{};
  two.put(std::string{box} + "cgroup.freeze", "");
  two.put(std::string{box} + "cgroup.events", "populated 1\nfrozen 0\n");
  must(request_freeze(two.group));
  CHECK(must(get_freeze_state(two.group)) == freeze_state::freezing);
  two.put(std::string{box} + "cgroup.events", "populated 1\nfrozen 1\n");
  CHECK(must(get_freeze_state(two.group)) == freeze_state::frozen);
  must(request_thaw(two.group));
  CHECK(must(get_freeze_state(two.group)) == freeze_state::thawed);
}

TEST_CASE("cgroup members: pids of the group and of nested ones",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  c.put("unified/reeve-t/c1/cgroup.procs", "");
  c.put("unified/reeve-t/c1/hold/cgroup.procs", "1\n");
  c.put(std::string{box} + "cgroup.procs", "");
  c.put(std::string{box} + "run/cgroup.procs", "2\n3\n0\n");
  c.put(std::string{box} + "nested/run/cgroup.procs", "4\n");
  c.put(std::string{box} + "nested/cgroup.procs", "");
  auto users = must(c.group.pids(members::user_processes));
  std::sort(users.begin(), users.end());
  CHECK(users == std::vector<pid_t>{2, 3, 4});
  CHECK(must(c.group.pids(members::everybody)).size() == 4);
}

TEST_CASE("cgroup limits: who is idle has the least weight",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  CHECK(get_limit(c.group, limit_key::cpu_idle).error().hint
        == "cpu.idle needs Linux 5.15");
  c.put(std::string{whole} + "cpu.idle", "");
  must(set_limit(c.group, limit_key::cpu_idle, 1));
  CHECK(must(get_limit(c.group, limit_key::cpu_idle)) == 1);
  c.put(std::string{whole} + "cpu.weight", "0\n"); // as the kernel has it then
  CHECK(must(get_limit(c.group, limit_key::cpu_weight)) == 1);
}

TEST_CASE("cgroup limits: groups above have the sum of real-time shares",
          "[kernel-iface][cgroup]") {
  auto c = v1_container{};
  auto file = [](const std::string& group) {
    return "cpu,cpuacct/reeve-t" + group + "/cpu.rt_runtime_us";
  };
  for (const auto* group : {"", "/c1", "/holders", "/c2"})
    c.put(file(group), "0\n");
  c.put(file("/c2"), "100000\n");
  must(set_limit(c.group, limit_key::cpu_rt, 200'000));
  CHECK(c.get(file("")) == "300000");
  CHECK(c.get(file("/c1")) == "200000");
  CHECK(must(get_limit(c.group, limit_key::cpu_rt)) == 200'000);
  // What another one had that is gone now is nobody's.
  std::filesystem::remove_all(c.root.path() / "cpu,cpuacct/reeve-t/c2");
  must(set_limit(c.group, limit_key::cpu_rt, 50'000));
  CHECK(c.get(file("")).starts_with("50000"));
  CHECK(c.get(file("/c1")).starts_with("50000"));
  // All or none: the second of the two files cannot be written.
  c.put(file(""), "50000\n");
  c.put(file("/c1"), "50000\n");
  std::filesystem::remove(c.root.path() / file("/c1"));
  auto refused = set_limit(c.group, limit_key::cpu_rt, 60'000);
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOENT);
  CHECK(to_string(refused.error()).find("CONFIG_RT_GROUP_SCHED")
        != std::string::npos);
  CHECK(c.get(file("")) == "50000\n");

  auto v2 = v2_container{};
  refused = set_limit(v2.group, limit_key::cpu_rt, 1000);
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOTSUP);
}

TEST_CASE("cgroup limits: soft memory is a soft limit or a protection",
          "[kernel-iface][cgroup]") {
  auto v1 = v1_container{};
  auto soft = std::string{"memory/reeve-t/c1/memory.soft_limit_in_bytes"};
  v1.put(soft, v1_max);
  CHECK(must(get_limit(v1.group, limit_key::memory_soft)) == no_limit);
  v1.put(soft, "");
  must(set_limit(v1.group, limit_key::memory_soft, 4096));
  CHECK(must(get_limit(v1.group, limit_key::memory_soft)) == 4096);
  v1.put(soft, "");
  must(set_limit(v1.group, limit_key::memory_soft, no_limit));
  CHECK(v1.get(soft) == "-1");

  auto v2 = v2_container{};
  std::filesystem::create_directories(v2.root.path() / "unified/reeve-t/c2");
  v2.put("unified/reeve-t/c2/memory.low", "8192\n");
  auto run = std::string{box} + "run/";
  for (const auto& group : {std::string{"unified/reeve-t/"}, std::string{whole},
                            std::string{box}, run})
    v2.put(group + "memory.low", "0\n");
  CHECK(must(get_limit(v2.group, limit_key::memory_soft)) == no_limit);
  must(set_limit(v2.group, limit_key::memory_soft, 4096));
  CHECK(v2.get("unified/reeve-t/memory.low") == "12288");
  CHECK(v2.get(std::string{whole} + "memory.low") == "4096");
  CHECK(v2.get(std::string{box} + "memory.low") == "4096");
  CHECK(v2.get(run + "memory.low") == "4096");
  must(set_limit(v2.group, limit_key::memory_soft, no_limit));
  CHECK(v2.get("unified/reeve-t/memory.low").starts_with("8192"));
  CHECK(v2.get(std::string{box} + "memory.low").starts_with("0"));
}

TEST_CASE("cgroup limits: v2 has two weights of disks, either may be missing",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto bfq = std::string{whole} + "io.bfq.weight";
  auto cost = std::string{whole} + "io.weight";
  CHECK(set_limit(c.group, limit_key::io_weight, 5).error().code == ENOENT);
  CHECK(get_limit(c.group, limit_key::io_weight).error().hint
        == "no weights in this kernel: load the scheduler bfq");
  c.put(cost, "default 100\n7:0 50\n");
  CHECK(must(get_limit(c.group, limit_key::io_weight)) == 100);
  c.put(cost, "");
  c.put(bfq, "");
  must(set_limit(c.group, limit_key::io_weight, 250));
  CHECK(c.get(cost) == "250");
  CHECK(c.get(bfq) == "250");
  CHECK(must(get_limit(c.group, limit_key::io_weight)) == 250);
}

TEST_CASE("cgroup limits: of a line of io.max each key reads its own word",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  c.put(std::string{box} + "io.max",
        "4095:9 rbps=max wbps=4096 riops=7 wiops=max\n"
        "4095:8 rbps=1 wbps=max riops=max wiops=max\n");
  auto get = [&](list_key key) { return must(get_named_limits(c.group, key)); };
  using list = std::vector<named_limit>;
  CHECK(get(list_key::io_read_bps) == list{{"4095:8", 1}});
  CHECK(get(list_key::io_write_bps) == list{{"4095:9", 4096}});
  CHECK(get(list_key::io_read_iops) == list{{"4095:9", 7}});
  CHECK(get(list_key::io_write_iops).empty());
  auto refused =
      set_named_limits(c.group, list_key::io_read_bps, {{"4095:8", 5}});
  REQUIRE(!refused);
  CHECK(refused.error().code == ENODEV);
}

TEST_CASE("cgroup limits: huge pages are counted from their first limit on",
          "[kernel-iface][cgroup]") {
  auto c = v2_container{};
  auto limited = std::vector<named_limit>{{"2MB", 4 << 20}};
  // What the root does not hand down nobody has.
  CHECK(get_named_limits(c.group, list_key::hugetlb_max).error().code
        == ENODEV);
  auto refused = set_named_limits(c.group, list_key::hugetlb_max, limited);
  REQUIRE(!refused);
  CHECK(refused.error().code == ENODEV);
  CHECK(refused.error().hint.find("+hugetlb") != std::string::npos);
  refused = set_named_limits(c.group, list_key::hugetlb_max, {{"3MB", 1}});
  REQUIRE(!refused);
  CHECK(refused.error().code == EINVAL);

  auto h = fake_cgroups{cgroup_mode::hybrid};
  auto group = must(h.open().create("c1"));
  auto top = std::string{"unified/reeve-t/"};
  CHECK(must(get_named_limits(group, list_key::hugetlb_max)).empty());
  for (const auto* size : {"2MB", "1GB"})
    h.put(top + "c1/hugetlb." + size + ".max", "max");
  must(set_named_limits(group, list_key::hugetlb_max, limited));
  CHECK(h.get(top + "cgroup.subtree_control") == "+hugetlb");
  CHECK(h.get(top + "c1/hugetlb.2MB.max") == "4194304");
  CHECK(must(get_named_limits(group, list_key::hugetlb_max)) == limited);
}
