// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_mounts.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <cerrno>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

auto answering(std::string text) {
  return [text](const std::string&) -> result<std::string> { return text; };
}

constexpr auto v1_lines =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";

constexpr auto v2_line =
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

} // namespace

TEST_CASE("cgroup_mounts: v1 without a cgroup2 is v1",
          "[kernel-iface][cgroup]") {
  auto found = must(cgroup_mounts::parse(v1_lines, answering("")));
  CHECK(found.mode == cgroup_mode::v1);
  CHECK(found.unified.empty());
}

TEST_CASE("cgroup_mounts: co-mounted controllers are one hierarchy, named "
          "hierarchies are none",
          "[kernel-iface][cgroup]") {
  auto found = must(cgroup_mounts::parse(v1_lines, answering("")));
  REQUIRE(found.v1.size() == 3);
  CHECK(found.v1[0].mount == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK((found.v1[0].controllers
         == controller_set{controller::cpu, controller::cpuacct}));
  CHECK((found.v1[1].controllers == controller_set{controller::memory}));
}

TEST_CASE("cgroup_mounts: a cgroup2 without limits beside v1 is hybrid",
          "[kernel-iface][cgroup]") {
  auto found = must(cgroup_mounts::parse(std::string{v1_lines} + v2_line,
                                         answering("hugetlb\n")));
  CHECK(found.mode == cgroup_mode::hybrid);
  CHECK(found.unified == "/sys/fs/cgroup/unified");
}

TEST_CASE("cgroup_mounts: a cgroup2 with cpu, memory and pids is v2, whatever "
          "v1 hierarchy is mounted beside it",
          "[kernel-iface][cgroup]") {
  auto stray = "50 31 0:44 / /mnt/freezer rw - cgroup cgroup rw,freezer\n";
  auto found = must(cgroup_mounts::parse(
      std::string{stray} + v2_line, answering("cpuset cpu io memory pids\n")));
  CHECK(found.mode == cgroup_mode::v2);
  CHECK(found.v1.empty());
}

TEST_CASE("cgroup_mounts: a hierarchy mounted twice is used once, by its root",
          "[kernel-iface][cgroup]") {
  auto found = must(cgroup_mounts::parse(
      "60 31 0:32 /inner /mnt/bind rw - cgroup cgroup rw,memory\n"
      "35 31 0:32 / /mnt/with\\040space rw - cgroup cgroup rw,memory\n"
      "61 31 0:32 / /mnt/again rw - cgroup cgroup rw,memory\n",
      answering("")));
  REQUIRE(found.v1.size() == 1);
  CHECK(found.v1[0].mount == "/mnt/with space");
  CHECK(found.v1[0].group.empty());
}

TEST_CASE("cgroup_mounts: of a hierarchy that shows no root, its part is known",
          "[kernel-iface][cgroup]") {
  auto found = must(cgroup_mounts::parse(
      "60 31 0:32 /a\\040b /mnt/bind rw - cgroup cgroup rw,memory\n"
      "36 31 0:33 /c /mnt/unified rw - cgroup2 cgroup2 rw\n",
      answering("")));
  REQUIRE(found.v1.size() == 1);
  CHECK(found.v1[0].mount == "/mnt/bind");
  CHECK(found.v1[0].group == "/a b");
  CHECK(found.unified_group == "/c");
}

TEST_CASE("cgroup_mounts: no usable hierarchy is an error that says what to do",
          "[kernel-iface][cgroup]") {
  auto found = cgroup_mounts::parse(v2_line, answering("memory\n"));
  REQUIRE(!found);
  CHECK(found.error().code == ENODEV);
  CHECK(found.error().hint.find("delegate") != std::string::npos);
  CHECK(!cgroup_mounts::parse("broken line\n\n- - -\n", answering("")));
}

TEST_CASE("cgroup_mounts: probing reads the mountinfo file and the root of "
          "cgroup2",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  fake.put("mountinfo", "41 31 0:38 / " + fake.mounts.unified
                            + " rw - cgroup2 cgroup2 rw\n");
  auto found =
      must(cgroup_mounts::probe((fake.root.path() / "mountinfo").string()));
  CHECK(found.mode == cgroup_mode::v2);
  auto missing = cgroup_mounts::probe("/nonexistent/mountinfo");
  REQUIRE(!missing);
  CHECK(missing.error().code == ENOENT);
}
