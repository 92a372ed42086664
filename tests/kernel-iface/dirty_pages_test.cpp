// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/dirty_pages.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

using namespace reeve::kernel;
using namespace reeve::tests;

TEST_CASE("dirty pages: what is to be written and what is being written, of "
          "the subtree",
          "[kernel-iface][cgroup]") {
  fake_cgroups v1{cgroup_mode::hybrid};
  auto group = must(v1.open().create("c1"));
  dirty_meter meter{group};
  auto missing = meter.read();
  REQUIRE(!missing);
  CHECK(missing.error().code == ENOENT);
  v1.put("memory/reeve-t/c1/memory.stat",
         "dirty 1\nwriteback 2\ntotal_dirty 4096\ntotal_writeback 8192\n");
  CHECK(must(meter.read()) == 12288);
  v1.put("memory/reeve-t/c1/memory.stat", "dirty 1\n");
  auto other = meter.read();
  REQUIRE(!other);
  CHECK(other.error().code == EBADMSG);

  fake_cgroups v2{cgroup_mode::v2};
  auto second = must(v2.open().create("c1"));
  v2.put("unified/reeve-t/c1/box/memory.stat",
         "anon 5\nfile_dirty 100\nfile_writeback 11\n");
  dirty_meter of_v2{second};
  CHECK(must(of_v2.read()) == 111);
}

TEST_CASE("dirty pages: a tree that means ill is written all the same",
          "[kernel-iface]") {
  temp_dir dir;
  auto top = dir.path() / "top";
  std::filesystem::create_directories(top / "a" / "b");
  std::ofstream{top / "a" / "b" / "file"} << "x";
  std::ofstream{dir.path() / "outside"} << "x";
  std::filesystem::create_symlink("..", top / "up");
  std::filesystem::create_symlink("../outside", top / "link");
  std::filesystem::create_symlink("loop", top / "loop");
  REQUIRE(::mkfifo((top / "fifo").c_str(), 0600) == 0);
  // Deeper than a path can be.
  auto deep = top;
  std::error_code none;
  for (auto i = 0; i < 15; ++i) {
    deep /= std::string(250, 'd');
    std::filesystem::create_directory(deep, none);
  }
  tree_writer writer{top.string()};
  CHECK(writer.write());
  CHECK(writer.write());
  tree_writer gone{(dir.path() / "gone").string()};
  auto refused = gone.write();
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOENT);
}
