// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_instance.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <unistd.h>

#include <cerrno>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

std::string read_back(const unique_fd& fd) {
  return std::filesystem::read_symlink("/proc/self/fd/"
                                       + std::to_string(fd.get()))
      .string();
}

std::size_t open_descriptors() {
  auto dir = std::filesystem::directory_iterator{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(dir), end(dir)));
}

} // namespace

TEST_CASE("cgroup_instance: v1 has its directory and holders where PID 1 "
          "goes",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  CHECK(fake.has("memory/reeve-t/holders"));
  CHECK(fake.has("pids/reeve-t/holders"));
  CHECK(fake.has("freezer/reeve-t/holders"));
  CHECK(fake.has("cpu,cpuacct/reeve-t/holders"));
  CHECK(fake.has("devices/reeve-t"));
  CHECK_FALSE(fake.has("devices/reeve-t/holders"));
}

TEST_CASE("cgroup_instance: a v1 cpuset is filled in from above and passed on",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  CHECK(fake.get("cpuset/reeve-t/cpuset.cpus") == "0-3");
  CHECK(fake.get("cpuset/reeve-t/cpuset.mems") == "0");
  CHECK(fake.get("cpuset/reeve-t/cgroup.clone_children") == "1");
}

TEST_CASE("cgroup_instance: v2 enables what there is at each level",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  fake.put("unified/cgroup.subtree_control", "cpu cpuset\n");
  auto instance = fake.open();
  CHECK(
      fake.get("unified/cgroup.subtree_control").starts_with("+memory +pids"));
  CHECK(fake.get("unified/reeve-t/cgroup.subtree_control")
        == "+cpu +memory +pids +cpuset");
}

TEST_CASE("cgroup_instance: a container has one group per hierarchy, and a "
          "twin on hybrid",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::hybrid};
  auto instance = fake.open();
  auto group = must(instance.create("c1"));
  CHECK(fake.has("memory/reeve-t/c1"));
  CHECK(fake.has("cpu,cpuacct/reeve-t/c1"));
  CHECK(fake.has("unified/reeve-t/c1"));
  CHECK_FALSE(fake.has("unified/reeve-t/c1/box"));
  CHECK(must(instance.list()) == std::vector<std::string>{"c1"});
}

TEST_CASE("cgroup_instance: a v2 container has a place for the holder beside "
          "the limits",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  auto group = must(fake.open().create("c1"));
  CHECK(fake.has("unified/reeve-t/c1/hold"));
  CHECK(fake.has("unified/reeve-t/c1/box/run"));
  CHECK(read_back(must(group.holder_clone_fd())).ends_with("/reeve-t/c1"));
  CHECK(read_back(must(group.run_clone_fd())).ends_with("/c1/box/run"));
  fake.put("unified/reeve-t/c1/box/run/cgroup.procs", "");
  CHECK(
      read_back(must(group.run_join_fd())).ends_with("/box/run/cgroup.procs"));
}

TEST_CASE("cgroup_instance: an id that exists is refused and nothing is made",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  std::filesystem::create_directory(fake.root.path() / "pids/reeve-t/c1");
  auto group = instance.create("c1");
  REQUIRE(!group);
  CHECK(group.error().code == EEXIST);
  CHECK_FALSE(fake.has("memory/reeve-t/c1"));
  CHECK_FALSE(fake.has("cpuset/reeve-t/c1"));
  CHECK(fake.has("pids/reeve-t/c1"));
}

TEST_CASE("cgroup_instance: adopting needs every group, sweeping needs none",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  must(instance.create("c1"));
  CHECK(must(instance.adopt("c1")).id() == "c1");
  std::filesystem::remove(fake.root.path() / "memory/reeve-t/c1");
  auto partial = instance.adopt("c1");
  REQUIRE(!partial);
  CHECK(partial.error().code == ENOENT);
  CHECK(partial.error().subject.ends_with("memory/reeve-t/c1"));
  CHECK(must(instance.list()) == std::vector<std::string>{"c1"});
  CHECK(must(must(instance.leftover("c1")).try_remove()) == removal::removed);
  CHECK(must(instance.list()).empty());
}

TEST_CASE("cgroup_instance: ids and parents cannot leave the tree",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  for (const auto* id :
       {"", ".", "..", "a/b", "cgroup.procs", "holders", "a\n"})
    CHECK(!instance.create(id));
  CHECK(!cgroup_instance::open(fake.mounts, "../up", "t"));
  CHECK(!cgroup_instance::open(fake.mounts, "", "../t"));
}

TEST_CASE("cgroup_instance: a symlink in the place of a group is not followed",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto instance = fake.open();
  auto group = must(instance.create("c1"));
  fake.put("elsewhere/tasks", "");
  auto place = fake.root.path() / "pids/reeve-t/c1";
  std::filesystem::remove(place);
  std::filesystem::create_symlink(fake.root.path() / "elsewhere", place);
  auto fds = group.join_fds();
  REQUIRE(!fds);
}

TEST_CASE("cgroup_instance: containers cost no descriptors",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::hybrid};
  auto instance = fake.open();
  auto before = open_descriptors();
  std::vector<container_cgroup> groups;
  for (auto i = 0; i < 10; ++i)
    groups.push_back(must(instance.create("c" + std::to_string(i))));
  CHECK(open_descriptors() == before);
}

TEST_CASE("container_cgroup: the joining descriptors name tasks files, one per "
          "v1 hierarchy",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto group = must(fake.open().create("c1"));
  for (const auto& h : fake.mounts.v1)
    std::ofstream{h.mount + "/reeve-t/c1/tasks"};
  for (const auto* name : {"cpu,cpuacct", "memory", "pids", "freezer"})
    fake.put(std::string{name} + "/reeve-t/holders/tasks", "");
  CHECK(must(group.join_fds()).size() == fake.mounts.v1.size());
  auto home = must(group.holder_home_fds());
  REQUIRE(home.size() == 4);
  CHECK(read_back(home.front()).ends_with("cpu,cpuacct/reeve-t/holders/tasks"));
  CHECK(read_back(home[1]).ends_with("memory/reeve-t/holders/tasks"));
  CHECK_FALSE(must(group.holder_clone_fd()));
}

TEST_CASE("container_cgroup: on v2 the limits are turned on after placement",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  auto group = must(fake.open().create("c1"));
  for (std::string dir : {"unified/reeve-t/c1/", "unified/reeve-t/c1/box/"}) {
    fake.put(dir + "cgroup.controllers", "cpu memory pids\n");
    fake.put(dir + "cgroup.subtree_control", "");
  }
  must(group.finish_placement());
  CHECK(fake.get("unified/reeve-t/c1/box/cgroup.subtree_control")
        == "+cpu +memory +pids");
}

TEST_CASE("container_cgroup: removal goes through nested groups, leaves first",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  auto instance = fake.open();
  auto group = must(instance.create("c1"));
  std::filesystem::create_directories(fake.root.path()
                                      / "unified/reeve-t/c1/box/nested/a/b");
  CHECK(must(instance.remove()) == removal::busy);
  CHECK(must(group.try_remove()) == removal::removed);
  CHECK(must(group.try_remove()) == removal::removed);
  CHECK_FALSE(fake.has("unified/reeve-t/c1"));
}

TEST_CASE(
    "container_cgroup: one in another is in its groups, and is found there",
    "[kernel-iface][cgroup]") {
  auto mode = GENERATE(cgroup_mode::v1, cgroup_mode::hybrid, cgroup_mode::v2);
  auto fake = fake_cgroups{mode};
  auto instance = fake.open();
  must(instance.create("a"));
  auto b = must(instance.create("a/b"));
  auto c = must(instance.create("a/b/c"));
  CHECK(c.id() == "c");
  CHECK(c.path() == "a/b/c");
  CHECK(c.is_nested());
  if (mode == cgroup_mode::v2) {
    CHECK(fake.has("unified/reeve-t/a/box/sub-b/sub-c/run"));
    CHECK(fake.has("unified/reeve-t/holders/b"));
    CHECK(fake.has("unified/reeve-t/holders/c"));
    CHECK(must(b.limits_dir(controller::memory)).path()
          == must(b.shares_dir(controller::memory)).path());
    CHECK(must(c.run_dir()).path().ends_with("/a/box/sub-b/sub-c/run"));
  } else {
    CHECK(fake.has("memory/reeve-t/a/sub-b/sub-c"));
    CHECK(fake.has("cpu,cpuacct/reeve-t/a/sub-b/sub-c"));
    CHECK(fake.has("unified/reeve-t/a/sub-b/sub-c")
          == (mode == cgroup_mode::hybrid));
  }
  // Of groups that a container has made for itself nothing is said.
  auto own =
      mode == cgroup_mode::v2 ? "unified/reeve-t/a/box/" : "memory/reeve-t/a/";
  std::filesystem::create_directories(fake.root.path() / own / "own/sub-x");
  std::filesystem::create_directories(fake.root.path() / own / "sub-x.slice");
  CHECK(must(instance.list()) == std::vector<std::string>{"a", "a/b", "a/b/c"});
  CHECK(must(instance.adopt("a/b/c")).path() == "a/b/c");
  CHECK(!instance.adopt("a/c"));
  auto twice = instance.create("a/b");
  REQUIRE(!twice);
  CHECK(twice.error().code == EEXIST);
  CHECK(must(c.try_remove()) == removal::removed);
  CHECK(must(b.try_remove()) == removal::removed);
  CHECK(must(instance.list()) == std::vector<std::string>{"a"});
  CHECK(fake.has(own));
}

TEST_CASE("container_cgroup: what cannot be in another one is refused",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v2};
  auto instance = fake.open();
  for (const auto* path : {"a/", "/a", "a//b", "a/..", "a/holders", "a/b\n"})
    CHECK(!instance.leftover(path));
  std::string path = "c1";
  for (auto depth = std::size_t{1}; depth < most_nested; ++depth)
    path += "/c" + std::to_string(depth + 1);
  CHECK(instance.leftover(path));
  auto deep = instance.leftover(path + "/c");
  REQUIRE(!deep);
  CHECK(deep.error().code == EINVAL);
  // Without the one that it is in.
  auto orphan = instance.create("nobody/b");
  REQUIRE(!orphan);
  CHECK(orphan.error().code == ENOENT);
  CHECK_FALSE(fake.has("unified/reeve-t/holders/b"));
}

TEST_CASE("container_cgroup: a busy container keeps the groups it lives in",
          "[kernel-iface][cgroup]") {
  auto fake = fake_cgroups{cgroup_mode::v1};
  auto group = must(fake.open().create("c1"));
  fake.put("cpu,cpuacct/reeve-t/c1/occupied", "");
  CHECK(must(group.try_remove()) == removal::busy);
  CHECK(fake.has("memory/reeve-t/c1"));
}
