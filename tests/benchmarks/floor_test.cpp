// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// On the real kernel: needs root and /bin/busybox.

#include "benchmarks/floor_client.hpp"
#include "tests/support/catch.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

using namespace reeve::bench;

namespace fs = std::filesystem;

namespace {

/// 77 is what ctest takes for a skip.
void need_root() {
  if (::geteuid() == 0 && ::access("/bin/busybox", X_OK) == 0)
    return;
  std::cout << "skipped: needs root and /bin/busybox\n";
  std::_Exit(77);
}

/// The groups that a process made, in all hierarchies.
std::vector<std::string> groups_of(pid_t pid) {
  const auto prefix = "reeve-bench-" + std::to_string(pid) + "-";
  auto out = std::vector<std::string>{};
  auto mounts = std::ifstream{"/proc/self/mounts"};
  for (auto line = std::string{}; std::getline(mounts, line);) {
    std::string source;
    std::string target;
    std::string type;
    std::istringstream{line} >> source >> target >> type;
    if (type != "cgroup" && type != "cgroup2")
      continue;
    for (const auto& entry : fs::directory_iterator{target})
      if (entry.path().filename().string().starts_with(prefix))
        out.push_back(entry.path().string());
  }
  return out;
}

/// Of its only thread, as the kernel lists them.
std::string children_of(pid_t pid) {
  const auto text = std::to_string(pid);
  auto in = std::ifstream{"/proc/" + text + "/task/" + text + "/children"};
  auto out = std::string{};
  std::getline(in, out);
  return out;
}

std::size_t host_mounts() {
  auto in = std::ifstream{"/proc/self/mounts"};
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>{in}, {}, '\n'));
}

} // namespace

TEST_CASE("floor: every kind takes some time, again and again",
          "[benchmarks][kernel]") {
  need_root();
  auto floors = floor_client::start();
  REQUIRE(floors);
  const auto kind = GENERATE(
      floor_kind::exec, floor_kind::create_cold, floor_kind::create_warm,
      floor_kind::destroy, floor_kind::set, floor_kind::restart,
      floor_kind::message_in_process, floor_kind::message_between_processes);
  for (int i = 0; i < 3; ++i) {
    const auto took = floors->measure(kind);
    INFO((took ? std::string{} : to_string(took.error())));
    REQUIRE(took);
    CHECK(took->count() > 0);
  }
}

TEST_CASE("floor: a storm of any size replaces them all and leaves none",
          "[benchmarks][kernel]") {
  need_root();
  auto floors = floor_client::start();
  REQUIRE(floors);
  const auto processes = GENERATE(1U, 2U, 7U);
  const auto took = floors->measure(floor_kind::restart_storm, processes);
  INFO((took ? std::string{} : to_string(took.error())));
  REQUIRE(took);
  CHECK(took->count() > 0);
  CHECK(children_of(floors->pid()).empty());
}

TEST_CASE("floor: a storm of nothing is refused", "[benchmarks][kernel]") {
  need_root();
  auto floors = floor_client::start();
  REQUIRE(floors);
  CHECK_FALSE(floors->measure(floor_kind::restart_storm));
}

TEST_CASE("floor: containers leave no cgroup, no mount and no directory behind",
          "[benchmarks][kernel]") {
  need_root();
  const auto mounts = host_mounts();
  auto directory = fs::path{};
  auto pid = pid_t{};
  {
    auto floors = floor_client::start();
    REQUIRE(floors);
    pid = floors->pid();
    directory = floors->directory();
    REQUIRE(floors->measure(floor_kind::create_cold));
    REQUIRE(floors->measure(floor_kind::destroy));
    CHECK(groups_of(pid).empty());
  }
  CHECK(host_mounts() == mounts);
  CHECK_FALSE(fs::exists(directory));
  CHECK_FALSE(fs::exists("/proc/" + std::to_string(pid)));
}
