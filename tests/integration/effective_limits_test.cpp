// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a process of a container really may have.

#include "kernel-iface/effective_limits.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <sys/sysinfo.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

kernel::effective_limit limit_for(instance& reeve, const std::string& process,
                                  const std::string& resource,
                                  bool is_hard = true) {
  auto answer =
      reeve.ask<effective_limits>(get_effective_limits{"box", process});
  CHECK(answer.container == "box");
  for (const auto& item : answer.limits)
    if (item.resource == resource && item.is_hard == is_hard)
      return item;
  FAIL("there is no " << resource);
  return {};
}

} // namespace

TEST_CASE("effective limits: the container's, where they are the least",
          "[integration][limits][effective]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  auto app = instance::sleeper("app");
  app.rlimits = {{"nofile", {50, 60}}};
  auto pid = reeve.run("box", app).pid;
  struct sysinfo host {};
  REQUIRE(::sysinfo(&host) == 0);
  CHECK(limit_for(reeve, "", "memory").value == host.totalram * host.mem_unit);
  CHECK(limit_for(reeve, "", "memory").source == "machine");
  set(reeve, "box",
      {{"memory.limit", "64M"},
       {"cpu.limit", "0.25"},
       {"pids.limit", "77"},
       {"rlimit.nofile", "100:200"}});
  for (const auto* process : {"app", ""}) {
    CHECK(limit_for(reeve, process, "memory").value == 64 * mib);
    CHECK(limit_for(reeve, process, "memory").is_exact);
    CHECK(limit_for(reeve, process, "memory").source
          == limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max"));
    CHECK(limit_for(reeve, process, "cpu").value == 250);
    CHECK(limit_for(reeve, process, "swap").value == 0);
    CHECK(limit_for(reeve, process, "pids").value == 77);
  }
  CHECK(limit_for(reeve, "", "rlimit.nofile", false).value == 100);
  CHECK(limit_for(reeve, "", "rlimit.nofile").value == 200);
  CHECK(limit_for(reeve, "app", "rlimit.nofile", false).value == 50);
  CHECK(limit_for(reeve, "app", "rlimit.nofile").value == 60);
  // By the processors that there are.
  set(reeve, "box", {{"cpu.limit", "max"}, {"cpuset.cpus", "0"}});
  CHECK(limit_for(reeve, "app", "cpu").value == 1000);

  auto refused =
      reeve.refusal<effective_limits>(get_effective_limits{"box", "nobody"});
  CHECK_THAT(refused, ContainsSubstring("nobody"));
  reeve.ask<process_is>(stop_process{"box", "app", 0});
  refused = reeve.refusal<effective_limits>(get_effective_limits{"box", "app"});
  CHECK_THAT(refused, ContainsSubstring("does not run"));
  reeve.ask<container_is>(stop_container{"box", 0});
  refused = reeve.refusal<effective_limits>(get_effective_limits{"box", ""});
  CHECK_THAT(refused, ContainsSubstring("start it first"));
}

TEST_CASE("effective limits: those of a group above count, and hold",
          "[integration][limits][effective]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  set(reeve, "box", {{"memory.limit", "512M"}});
  // Of the instance's own group, which is the test's.
  auto limit = file_above_all(
      limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max"));
  std::ofstream{limit} << 96 * mib;
  auto swap = std::filesystem::path{limit}.replace_filename(
      is_cgroup2() ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
  if (std::filesystem::exists(swap)) // or the rest goes there
    std::ofstream{swap} << (is_cgroup2() ? 0 : 96 * mib);
  auto found = limit_for(reeve, "app", "memory");
  CHECK(found.value == 96 * mib);
  CHECK(found.source == limit);
  CHECK(limit_for(reeve, "", "memory").value == 96 * mib);
  // What the container itself is limited to is another question.
  CHECK(limit_of(reeve, "box", "memory.limit") == "512M");
  // Of another user, by a daemon that may do no more than read.
  auto other = instance::sleeper("other");
  other.user = "1000:1000";
  reeve.run("box", other);
  CHECK(limit_for(reeve, "other", "memory").value == 96 * mib);
  auto done = reeve.run_to_end(
      "box", instance::process("hog", {"probe", "allocate", "128"}));
  CHECK(done.reason == exit_reason::oom(oom_limit::ancestor));
}

TEST_CASE("effective limits: of a part of the tree, what is in sight",
          "[integration][limits][effective]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  set(reeve, "box", {{"memory.limit", "64M"}});
  // As for a daemon in a container that sees its own groups alone.
  auto file = limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max");
  auto part = std::filesystem::path{file}.parent_path().string();
  auto mounts = kernel::cgroup_mounts::probe();
  REQUIRE(mounts);
  auto narrow = [&](std::string& mount, std::string& group) {
    if (!part.starts_with(mount + "/"))
      return false;
    group = part.substr(mount.size());
    mount = part;
    return true;
  };
  auto narrowed = 0;
  for (auto& item : mounts->v1)
    narrowed += narrow(item.mount, item.group) ? 1 : 0;
  if (mounts->mode == kernel::cgroup_mode::v2)
    narrowed += narrow(mounts->unified, mounts->unified_group) ? 1 : 0;
  REQUIRE(narrowed == 1);
  auto found = kernel::effective_limits_of(*mounts, pid);
  REQUIRE(found);
  for (const auto& item : *found)
    if (item.resource == "memory" && item.is_hard) {
      CHECK(item.value == 64 * mib);
      CHECK(item.source == file);
      CHECK(!item.is_exact); // a group above may have less
    }
}
