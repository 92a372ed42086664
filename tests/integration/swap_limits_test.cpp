// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Swap per container, with a swap device of the test's own.

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/swap_disk.hpp"

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Of a process, in KiB; proc_pid_status(5).
std::uint64_t swapped(pid_t pid) {
  auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  auto at = status.find("VmSwap:");
  REQUIRE(at != std::string::npos);
  return std::stoull(status.substr(at + 7));
}

// Beside memory, in bytes, as the kernel has it for the container of `pid`.
std::uint64_t swap_limit(pid_t pid) {
  auto bytes = std::stoull(read_file(limits_file(
      pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")));
  return is_cgroup2() ? bytes : bytes - kernel_limit(pid, "memory.limit");
}

} // namespace

TEST_CASE("limits: a container has as much swap as it is given",
          "[integration][limits]") {
  if (!has_zram())
    return;
  swap_disk swap{256};
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 32 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;

  // None by itself.
  CHECK(limit_of(reeve, "box", "memory.swap") == "0");
  CHECK(swap_limit(pid) == 0);
  auto hog = instance::process("hog", {"probe", "allocate", "48"});
  CHECK(reeve.run_to_end("box", hog).reason
        == exit_reason::oom(oom_limit::own));

  set(reeve, "box", {{"memory.swap", "64M"}});
  CHECK(swap_limit(pid) == 64 * mib);
  auto big = allocate(reeve, "box", "48");
  CHECK(swapped(big) >= 10 * 1024);
  CHECK(memory_peak(pid) <= 32 * mib);

  // Less than what is in use is refused, and says how much that is.
  auto why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"memory.swap", "4M"}}});
  INFO(why);
  CHECK(why.find("EBUSY") != std::string::npos);
  CHECK(why.find("in use: ") != std::string::npos);
  CHECK(swap_limit(pid) == 64 * mib);

  // How much there is beside memory stays, whatever memory is.
  set(reeve, "box", {{"memory.limit", "40M"}});
  CHECK(kernel_limit(pid, "memory.limit") == 40 * mib);
  CHECK(swap_limit(pid) == 64 * mib);
  CHECK(limit_of(reeve, "box", "memory.swap") == "64M");
  CHECK(reeve.process_of("box", "hog").pid == big);
  reeve.ask<process_is>(stop_process{"box", "hog", 0});
  reeve.ask<process_is>(remove_process{"box", "hog"});

  // Together, up and down; and more than both is too much.
  set(reeve, "box", {{"memory.limit", "24M"}, {"memory.swap", "8M"}});
  CHECK(kernel_limit(pid, "memory.limit") == 24 * mib);
  CHECK(swap_limit(pid) == 8 * mib);
  CHECK(reeve.run_to_end("box", hog).reason
        == exit_reason::oom(oom_limit::own));

  // As the next start has it.
  reeve.ask<container_is>(stop_container{"box", 0});
  reeve.ask<container_is>(start_container{"box"});
  pid = reeve.run("box", instance::sleeper("again")).pid;
  CHECK(swap_limit(pid) == 8 * mib);

  // Without a limit of memory there is none of swap, and none can be set.
  set(reeve, "box", {{"memory.limit", "max"}});
  CHECK(limit_of(reeve, "box", "memory.swap") == "max");
  CHECK(reeve.details_of("box").spec.limits.swap_bytes.is_absent());
  why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"memory.swap", "64M"}}});
  INFO(why);
  CHECK(why.find("set memory.limit first") != std::string::npos);
  why = reeve.refusal<limits_in_force>(
      set_limits{"box", {{"memory.limit", "max"}, {"memory.swap", "64M"}}});
  CHECK(why.find("beside a limit of memory") != std::string::npos);
  set(reeve, "box", {{"memory.swap", "16M"}, {"memory.limit", "48M"}});
  CHECK(swap_limit(pid) == 16 * mib);

  // What is refused takes neither of the two along.
  for (const auto* limit : {"max", "64M", "40M"}) {
    reeve.refusal<limits_in_force>(
        set_limits{"box", {{"memory.limit", limit}, {"cpuset.cpus", "1000"}}});
    CHECK(kernel_limit(pid, "memory.limit") == 48 * mib);
    CHECK(swap_limit(pid) == 16 * mib);
  }
  reeve.refusal<limits_in_force>(set_limits{"box",
                                            {{"memory.limit", "max"},
                                             {"memory.swap", "max"},
                                             {"cpuset.cpus", "1000"}}});
  CHECK(kernel_limit(pid, "memory.limit") == 48 * mib);
  CHECK(swap_limit(pid) == 16 * mib);

  // Less memory fits where there is more swap for the rest: nobody has to go.
  auto last = allocate(reeve, "box", "40");
  auto both = set_limits{
      "box", {{"memory.limit", "24M"}, {"memory.swap", "64M"}}, true};
  CHECK(reeve.ask<limits_in_force>(both).killed.empty());
  CHECK(reeve.process_of("box", "hog").pid == last);
  CHECK(kernel_limit(pid, "memory.limit") == 24 * mib);
  CHECK(swap_limit(pid) == 64 * mib);
  CHECK(swapped(last) > 10 * 1024);
}

TEST_CASE("limits: swappiness decides between swap and page cache",
          "[integration][limits]") {
  if (!has_zram())
    return;
  swap_disk swap{256};
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 48 * mib;
  spec.limits.swap_bytes = 64 * mib;
  reeve.create(spec);
  if (is_cgroup2()) {
    auto why = reeve.refusal<limits_in_force>(
        set_limits{"box", {{"memory.swappiness", "0"}}});
    CHECK(why.find("cgroup2 has none for a group") != std::string::npos);
    for (const auto& limit : reeve.details_of("box").limits)
      CHECK(limit.key != "memory.swappiness");
    return;
  }
  auto pid = allocate(reeve, "box", "24");
  // Reads more than there is room for, again and again.
  auto read_a_lot = [&] {
    CHECK(reeve
              .shell("box", "[ -e /big ] || dd if=/dev/zero of=/big bs=1M "
                            "count=96 2>/dev/null; sync; "
                            "for i in 1 2 3 4 5 6; do cat /big; done "
                            ">/dev/null")
              .reason
          == exit_reason::exited(0));
  };
  set(reeve, "box", {{"memory.swappiness", "0"}});
  CHECK(read_file(limits_file(pid, "memory", "memory.swappiness", ""))
        == "0\n");
  read_a_lot();
  auto at_0 = swapped(pid);
  set(reeve, "box", {{"memory.swappiness", "200"}});
  read_a_lot();
  auto at_200 = swapped(pid);
  INFO("KiB in swap: " << at_0 << ", then " << at_200);
  CHECK(at_0 == 0);
  CHECK(at_200 > 1024);
}
