// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Limits of which the groups above have the sum of all containers': cpu.rt and
// memory.soft.

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <filesystem>
#include <fstream>
#include <string>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string rt_file(pid_t pid) {
  return limits_file(pid, "cpu", "cpu.rt_runtime_us", "cpu.rt_runtime_us");
}

} // namespace

TEST_CASE("limits: real-time tasks have the part of the processors that is set",
          "[integration][limits][realtime]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.privileged = true; // else nobody may be one
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  auto why = reeve.complaint<limits_in_force>(
      set_limits{"box", {{"pids.limit", "60"}, {"cpu.rt", "0.2"}}});
  if (!std::filesystem::exists(rt_file(pid))) {
    CHECK_THAT(why, ContainsSubstring(is_cgroup2() ? "cgroup2 has no such limit"
                                                   : "CONFIG_RT_GROUP_SCHED"));
    CHECK(limit_of(reeve, "box", "pids.limit") == "2048");
    set(reeve, "box", {{"cpu.rt", "0"}}); // takes nothing away
    return skip("the kernel has no real-time groups");
  }
  CHECK(why.empty());
  CHECK(limit_of(reeve, "box", "cpu.rt") == "0.2");
  CHECK(read_file(rt_file(pid)) == "200000\n");
  CHECK(read_file(file_above_all(rt_file(pid))) == "200000\n");
  // Of each processor: it would have the same on another one.
  set(reeve, "box", {{"cpuset.cpus", "0"}});
  auto worker =
      reeve.run("box", instance::process("rt", {"probe", "realtime"}));
  eventually("it is one",
             [&] { return output_so_far(reeve, "box", "rt") == "ready\n"; });
  auto used = processors_used(reeve, "rt", worker.pid);
  INFO("used " << used);
  CHECK(used > 0.18);
  CHECK(used < 0.22);
  CHECK_THAT(
      reeve.refusal<limits_in_force>(set_limits{"box", {{"cpu.rt", "0"}}}),
      ContainsSubstring("real-time tasks run in it"));
  // More than all groups together may have.
  CHECK_THAT(
      reeve.refusal<limits_in_force>(set_limits{"box", {{"cpu.rt", "0.99"}}}),
      ContainsSubstring("EINVAL"));
  CHECK(read_file(file_above_all(rt_file(pid))) == "200000\n");
  reeve.create("other");
  auto peer = reeve.run("other", instance::sleeper("app")).pid;
  set(reeve, "other", {{"cpu.rt", "0.1"}});
  CHECK(read_file(file_above_all(rt_file(peer))) == "300000\n");
  // Who goes gives it back.
  reeve.destroy("box");
  CHECK(read_file(file_above_all(rt_file(peer))) == "100000\n");
}

TEST_CASE("limits: what is beyond memory.soft goes first",
          "[integration][limits][soft]") {
  if (!has_loop_devices())
    return;
  daemon_process reeve{{.disk_mib = 256}};
  auto file = [](pid_t pid) {
    return limits_file(pid, "memory", "memory.soft_limit_in_bytes",
                       "memory.low");
  };
  pid_t pids[2] = {};
  for (auto i = 0; i < 2; ++i) {
    const auto* name = i == 0 ? "box" : "other";
    reeve.create(name);
    pids[i] = reeve.run(name, api_client::sleeper("app")).pid;
  }
  set(reeve, "box", {{"memory.soft", "48M"}});
  CHECK(limit_of(reeve, "box", "memory.soft") == "48M");
  CHECK(limit_of(reeve, "other", "memory.soft") == "max");
  CHECK(read_file(file(pids[0])) == std::to_string(48 * mib) + "\n");
  if (!is_cgroup2()) {
    // Only the whole machine's want of memory counts there.
    set(reeve, "box", {{"memory.soft", "max"}});
    CHECK(read_file(file(pids[0])) == read_file(file(pids[1])));
    return;
  }
  for (const auto* name : {"box", "other"})
    reeve.shell(name, "dd if=/dev/zero of=/file bs=1M count=40; sync");
  auto cached = [](pid_t pid) {
    return field_in(limits_file(pid, "memory", "memory.stat", "memory.stat"),
                    "file");
  };
  REQUIRE(cached(pids[0]) > 38 * mib);
  REQUIRE(cached(pids[1]) > 38 * mib);
  CHECK(read_file(file_above_all(file(pids[0])))
        == std::to_string(48 * mib) + "\n");
  // Both together are short of it.
  auto limit =
      std::filesystem::path{file_above_all(file(pids[0]))}.replace_filename(
          "memory.max");
  std::ofstream{limit} << 60 * mib;
  auto text = std::to_string(cached(pids[0])) + " and "
              + std::to_string(cached(pids[1])) + " bytes";
  INFO(text);
  CHECK(cached(pids[0]) > 38 * mib);
  CHECK(cached(pids[1]) < 24 * mib);
  std::ofstream{limit} << "max";
  reeve.destroy("box");
  CHECK(read_file(file_above_all(file(pids[1]))) == "0\n");
}
