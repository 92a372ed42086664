// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_reclaim.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <cerrno>
#include <string>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr auto v1 = "memory/reeve-t/c1/memory.";
constexpr auto v2 = "unified/reeve-t/c1/box/memory.";

} // namespace

TEST_CASE("cgroup reclaim: v2 is asked for what there is",
          "[kernel-iface][cgroup]") {
  fake_cgroups fake{cgroup_mode::v2};
  auto group = must(fake.open().create("c1"));
  auto file = [](const char* name) { return std::string{v2} + name; };
  fake.put(file("current"), "8192\n");
  auto refused = reclaim_memory(group, 4096);
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOTSUP);
  CHECK(refused.error().hint.find("5.19") != std::string::npos);
  fake.put(file("reclaim"), "");
  CHECK(must(reclaim_memory(group, 4096)).before.memory == 8192);
  CHECK(fake.get(file("reclaim")) == "4096");
  must(reclaim_memory(group, no_limit));
  CHECK(fake.get(file("reclaim")) == "8192");
}

TEST_CASE("cgroup reclaim: v1 has all at once, or a limit for a moment",
          "[kernel-iface][cgroup]") {
  fake_cgroups fake{cgroup_mode::v1};
  auto group = must(fake.open().create("c1"));
  auto file = [](const char* name) { return std::string{v1} + name; };
  fake.put(file("usage_in_bytes"), "8192\n");
  fake.put(file("limit_in_bytes"), "16384\n");
  fake.put(file("force_empty"), "");
  fake.put(file("oom_control"), "oom_kill_disable 0\nunder_oom 0\n");
  must(reclaim_memory(group, no_limit));
  CHECK(fake.get(file("force_empty")) == "0");
  // Somebody watches the pause: a lower limit would be taken for the end.
  fake.put(file("force_empty"), "");
  fake.put(file("oom_control"), "oom_kill_disable 1\nunder_oom 0\n");
  must(reclaim_memory(group, 4096));
  CHECK(fake.get(file("force_empty")) == "0");
  CHECK(fake.get(file("limit_in_bytes")) == "16384\n");
}

TEST_CASE("cgroup reclaim: what was left amid it is put back",
          "[kernel-iface][cgroup]") {
  fake_cgroups fake{cgroup_mode::v1};
  auto group = must(fake.open().create("c1"));
  auto file = [](const char* name) { return std::string{v1} + name; };
  fake.put(file("limit_in_bytes"), "");
  fake.put(file("oom_control"), "oom_kill_disable 0\nunder_oom 0\n");
  must(end_reclaim(group, 4096));
  CHECK(fake.get(file("limit_in_bytes")).empty());
  fake.put(file("oom_control"), "oom_kill_disable 1\nunder_oom 0\n");
  must(end_reclaim(group, 4096));
  CHECK(fake.get(file("limit_in_bytes")) == "4096");
  CHECK(fake.get(file("oom_control")).starts_with("0"));
}
