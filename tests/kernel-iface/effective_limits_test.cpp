// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/effective_limits.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"
#include "tests/support/limited_child.hpp"

#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr auto mib = std::uint64_t{1} << 20U;

struct container : fake_cgroups {
  explicit container(cgroup_mode mode) : fake_cgroups{mode} {}
  container_cgroup group = must(open().create("c1"));

  effective_limit get(const std::string& resource, bool is_hard = true) const {
    rlimit_array rlimits{};
    rlimits[RLIMIT_NOFILE] = {100, 200};
    rlimits[RLIMIT_AS] = {RLIM_INFINITY, RLIM_INFINITY};
    for (const auto& item : must(effective_limits_of(mounts, group, rlimits)))
      if (item.resource == resource && item.is_hard == is_hard)
        return item;
    FAIL("there is no " << resource);
    return {};
  }

  [[nodiscard]] std::string path(const std::string& file) const {
    return (root.path() / file).string();
  }
};

} // namespace

TEST_CASE("effective limits: v1, the least of all groups up to the root",
          "[kernel-iface][cgroup]") {
  container c{cgroup_mode::v1};
  auto memory = std::string{"memory/reeve-t/c1/memory.limit_in_bytes"};
  c.put(memory, "9223372036854771712\n");
  c.put("memory/reeve-t/memory.limit_in_bytes", "67108864\n");
  c.put("memory/memory.limit_in_bytes", "9223372036854771712\n");
  auto found = c.get("memory");
  CHECK(found.value == 64 * mib);
  CHECK(found.source == c.path("memory/reeve-t/memory.limit_in_bytes"));
  c.put(memory, "4194304\n");
  CHECK(c.get("memory")
        == effective_limit{"memory", true, 4 * mib, c.path(memory),
                           c.get("memory").is_exact});
  // Of the sum.
  c.put("memory/reeve-t/c1/memory.memsw.limit_in_bytes", "5242880\n");
  CHECK(c.get("swap").value <= mib); // or the machine has less
  CHECK(c.get("memory", false).value == no_limit);
  c.put("memory/reeve-t/c1/memory.soft_limit_in_bytes", "8192\n");
  CHECK(c.get("memory", false).value == 8192);

  c.put("cpu,cpuacct/reeve-t/c1/cpu.cfs_quota_us", "-1\n");
  c.put("cpu,cpuacct/reeve-t/c1/cpu.cfs_period_us", "100000\n");
  c.put("cpuset/reeve-t/c1/cpuset.effective_cpus", "0\n");
  CHECK(c.get("cpu").value == 1000);
  CHECK(c.get("cpu").source
        == c.path("cpuset/reeve-t/c1/cpuset.effective_cpus"));
  c.put("cpu,cpuacct/reeve-t/cpu.cfs_quota_us", "50000\n");
  c.put("cpu,cpuacct/reeve-t/cpu.cfs_period_us", "200000\n");
  CHECK(c.get("cpu").value == 250);
  CHECK(c.get("cpu").source == c.path("cpu,cpuacct/reeve-t/cpu.cfs_quota_us"));

  c.put("pids/reeve-t/c1/pids.max", "max\n");
  CHECK(c.get("pids").source == "machine");
  c.put("pids/reeve-t/c1/pids.max", "7\n");
  CHECK(c.get("pids").value == 7);
}

TEST_CASE("effective limits: v2, and what nothing limits",
          "[kernel-iface][cgroup]") {
  container c{cgroup_mode::v2};
  struct sysinfo host {};
  REQUIRE(::sysinfo(&host) == 0);
  CHECK(c.get("memory").value == host.totalram * host.mem_unit);
  CHECK(c.get("memory").source == "machine");
  c.put("unified/reeve-t/c1/box/memory.max", "max\n");
  c.put("unified/reeve-t/memory.max", "8388608\n");
  CHECK(c.get("memory").value == 8 * mib);
  CHECK(c.get("memory").source == c.path("unified/reeve-t/memory.max"));
  CHECK(c.get("memory", false).value == no_limit);
  CHECK(c.get("memory", false).source.empty());
  c.put("unified/reeve-t/c1/box/memory.high", "4096\n");
  CHECK(c.get("memory", false).value == 4096);
  c.put("unified/reeve-t/c1/box/memory.swap.max", "0\n");
  CHECK(c.get("swap").value == 0);
  c.put("unified/reeve-t/c1/box/cpu.max", "max 100000\n");
  c.put("unified/reeve-t/c1/cpu.max", "10000 100000\n");
  CHECK(c.get("cpu").value == 100);
  CHECK(c.get("cpu").source == c.path("unified/reeve-t/c1/cpu.max"));

  CHECK(c.get("rlimit.nofile", false).value == 100);
  CHECK(c.get("rlimit.nofile").value == 200);
  CHECK(c.get("rlimit.nofile").source == "RLIMIT_NOFILE");
  CHECK(c.get("rlimit.as").value == no_limit);
}

TEST_CASE("effective limits: of a process as the kernel has it",
          "[kernel-iface][cgroup]") {
  auto mounts = must(cgroup_mounts::probe());
  limited_child child;
  auto all = effective_limits_of(mounts, child.pid());
  child.end();
  auto cpus = std::uint64_t{0};
  auto soft = std::uint64_t{0};
  auto hard = std::uint64_t{0};
  for (const auto& item : must(std::move(all))) {
    if (item.resource == "cpu")
      cpus = item.value;
    if (item.resource == "rlimit.nofile")
      (item.is_hard ? hard : soft) = item.value;
  }
  CHECK(cpus <= 1000);
  CHECK(soft == 33);
  CHECK(hard == 44);
  auto gone = effective_limits_of(mounts, child.pid());
  REQUIRE(!gone);
  CHECK(gone.error().code == ESRCH);
}
