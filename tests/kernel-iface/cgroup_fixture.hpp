// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_instance.hpp"
#include "kernel-iface/cgroup_mounts.hpp"
#include "tests/support/catch.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace reeve::tests {

/// A directory that goes away with everything in it.
class temp_dir {
public:
  temp_dir() {
    std::string name = "/tmp/reeve-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }

  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  temp_dir(temp_dir&&) = delete;
  temp_dir& operator=(temp_dir&&) = delete;

  ~temp_dir() {
    std::error_code ignored; // nothing to do about it in a destructor
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const {
    return path_;
  }

private:
  std::filesystem::path path_;
};

/// A cgroup tree of plain files. The kernel fills a new group with files;
/// here a test puts those that it needs.
class fake_cgroups {
public:
  explicit fake_cgroups(kernel::cgroup_mode mode) {
    mounts.mode = mode;
    if (mode != kernel::cgroup_mode::v2) {
      using kernel::controller;
      add_v1("cpu,cpuacct", {controller::cpu, controller::cpuacct});
      add_v1("cpuset", {controller::cpuset});
      add_v1("memory", {controller::memory});
      add_v1("devices", {controller::devices});
      add_v1("freezer", {controller::freezer});
      add_v1("pids", {controller::pids});
      put("cpuset/cpuset.cpus", "0-3\n");
      put("cpuset/cpuset.mems", "0\n");
      put("cpuset/reeve-t/cpuset.cpus", "");
      put("cpuset/reeve-t/cpuset.mems", "");
      put("cpuset/reeve-t/cgroup.clone_children", "");
    }
    if (mode != kernel::cgroup_mode::v1) {
      mounts.unified = (root.path() / "unified").string();
      auto have = mode == kernel::cgroup_mode::v2 ? "cpuset cpu memory pids\n"
                                                  : "hugetlb\n";
      for (std::string dir : {"unified/", "unified/reeve-t/"}) {
        put(dir + "cgroup.controllers", have);
        put(dir + "cgroup.subtree_control", "");
      }
    }
  }

  /// Writes a file and the directories that lead to it.
  void put(const std::string& file, std::string_view text) const {
    auto path = root.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
  }

  [[nodiscard]] std::string get(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream{root.path() / file}.rdbuf();
    return text.str();
  }

  [[nodiscard]] bool has(const std::string& path) const {
    return std::filesystem::exists(root.path() / path);
  }

  [[nodiscard]] kernel::cgroup_instance open() const {
    auto instance = kernel::cgroup_instance::open(mounts, "", "t");
    if (!instance)
      FAIL(to_string(instance.error()));
    return std::move(*instance);
  }

  temp_dir root;
  kernel::cgroup_mounts mounts;

private:
  void add_v1(const std::string& name, kernel::controller_set controllers) {
    std::filesystem::create_directories(root.path() / name);
    mounts.v1.push_back({(root.path() / name).string(), controllers});
  }
};

/// Fails the test with the error's own words.
template <class T>
T must(kernel::result<T> r) {
  if (!r)
    FAIL(to_string(r.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(*r);
}

} // namespace reeve::tests
