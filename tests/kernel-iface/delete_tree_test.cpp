// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/delete_tree.hpp"

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temp_directory.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

using namespace reeve;
using namespace reeve::kernel;

namespace fs = std::filesystem;

namespace {

unique_fd open_directory(int parent, const char* name) {
  return unique_fd::adopt(
      ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void make_file(int dir, const char* name) {
  auto fd = unique_fd::adopt(
      ::openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(fd);
}

// Far beyond what a path can say, so one step after the other.
void make_chain(const std::string& top, unsigned levels) {
  auto at = open_directory(AT_FDCWD, top.c_str());
  for (unsigned i = 0; i < levels; ++i) {
    REQUIRE(::mkdirat(at.get(), "d", 0700) == 0);
    auto next = open_directory(at.get(), "d");
    REQUIRE(next);
    at = std::move(next);
    if (i % 1000 == 0)
      make_file(at.get(), "file");
  }
}

std::size_t open_descriptors() {
  std::size_t out = 0;
  for ([[maybe_unused]] const auto& item :
       fs::directory_iterator{"/proc/self/fd"})
    ++out;
  return out - 1; // that of the look itself
}

// While it lives, `spare` descriptors can be opened besides those that are.
class descriptor_limit {
public:
  explicit descriptor_limit(unsigned spare) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    auto lowest = unique_fd::adopt(::open("/", O_PATH | O_CLOEXEC));
    rlimit low{static_cast<rlim_t>(lowest.get()) + spare, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }

  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;

  ~descriptor_limit() {
    (void)::setrlimit(RLIMIT_NOFILE, &before_);
  }

private:
  rlimit before_{};
};

} // namespace

TEST_CASE("delete_tree: a tree of 20,000 levels goes with few descriptors",
          "[kernel-iface][unit]") {
  tests::temp_directory dir;
  auto top = dir.path() + "/top";
  fs::create_directory(top);
  make_chain(top, 20'000);
  auto before = open_descriptors();
  result<void> done;
  {
    descriptor_limit limit{delete_tree_levels + 1};
    done = delete_tree(top);
  }
  INFO((done ? std::string{} : to_string(done.error())));
  CHECK(done.has_value());
  CHECK_FALSE(fs::exists(top));
  CHECK(open_descriptors() == before);
}

TEST_CASE("delete_tree: with hardly a descriptor left it still gets through",
          "[kernel-iface][unit]") {
  tests::temp_directory dir;
  auto top = dir.path() + "/top";
  fs::create_directories(top + "/a/b/c/d/e/f");
  fs::create_directories(top + "/a/x/y");
  result<void> done;
  {
    descriptor_limit limit{2};
    done = delete_tree(top);
  }
  CHECK(done.has_value());
  CHECK_FALSE(fs::exists(top));
}

TEST_CASE("delete_tree: wide trees go, below the deepest open level too",
          "[kernel-iface][unit]") {
  tests::temp_directory dir;
  auto top = dir.path() + "/top";
  auto deep = top;
  for (unsigned i = 0; i < delete_tree_levels + 3; ++i)
    deep += "/level";
  for (const auto& where : {top + "/wide", deep}) {
    fs::create_directories(where);
    auto at = open_directory(AT_FDCWD, where.c_str());
    for (auto i = 0; i < 3000; ++i) {
      auto name = "entry-" + std::to_string(i);
      if (i % 3 == 0)
        REQUIRE(::mkdirat(at.get(), name.c_str(), 0) == 0);
      else
        make_file(at.get(), name.c_str());
    }
  }
  // Names that the moving up would like to have.
  std::ofstream{top + "/.reeve-deleting-0"} << "taken";
  fs::create_directories(top + "/.reeve-deleting-1/taken");
  fs::create_directories(top + "/.reeve-deleting-2");
  CHECK(delete_tree(top).has_value());
  CHECK_FALSE(fs::exists(top));
}

TEST_CASE("delete_tree: links are removed and never followed",
          "[kernel-iface][unit]") {
  tests::temp_directory dir;
  auto outside = dir.path() + "/outside";
  fs::create_directories(outside + "/kept");
  auto top = dir.path() + "/top";
  fs::create_directory(top);
  fs::create_directory_symlink(outside, top + "/link");
  fs::create_symlink("/does/not/exist", top + "/dangling");
  REQUIRE(::mkfifo((top + "/fifo").c_str(), 0600) == 0);
  SECTION("inside") {
    CHECK(delete_tree(top).has_value());
    CHECK_FALSE(fs::exists(top));
  }
  SECTION("at the top") {
    CHECK(delete_tree(top + "/link").has_value());
    CHECK_FALSE(fs::exists(fs::symlink_status(top + "/link")));
    CHECK(fs::exists(fs::symlink_status(top + "/dangling")));
  }
  CHECK(fs::exists(outside + "/kept"));
}

TEST_CASE("delete_tree: already gone is no error, and a file is deleted",
          "[kernel-iface][unit]") {
  tests::temp_directory dir;
  CHECK(delete_tree(dir.path() + "/nothing").has_value());
  CHECK(delete_tree(dir.path() + "/no/such/way").has_value());
  auto file = dir.path() + "/file";
  std::ofstream{file} << "x";
  CHECK(delete_tree(file).has_value());
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("delete_tree: what is mounted inside is left, named, and the rest "
          "goes",
          "[kernel-iface][unit]") {
  if (!tests::is_root())
    return;
  tests::temp_directory dir;
  auto top = dir.path() + "/top";
  auto mounted = top + "/a/b/mounted";
  fs::create_directories(mounted);
  fs::create_directories(top + "/a/other/deep");
  std::ofstream{top + "/z"} << "z";
  auto child = ::fork();
  if (child == 0) {
    // Its mount namespace ends with it.
    auto ready =
        ::unshare(CLONE_NEWNS) == 0
        && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
        && ::mount("none", mounted.c_str(), "tmpfs", 0, nullptr) == 0;
    if (!ready)
      ::_exit(1);
    std::ofstream{mounted + "/precious"} << "x";
    auto done = delete_tree(top);
    if (done || done.error().code != EXDEV || done.error().subject != mounted)
      ::_exit(2);
    if (!fs::exists(mounted + "/precious"))
      ::_exit(3);
    if (fs::exists(top + "/a/other") || fs::exists(top + "/z"))
      ::_exit(4);
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(delete_tree(top).has_value()); // nothing is mounted there for us
}

TEST_CASE("delete_tree: what is called off leaves the rest",
          "[kernel-iface][delete_tree]") {
  tests::temp_directory dir;
  std::filesystem::path top = std::filesystem::path{dir.path()} / "top";
  std::filesystem::create_directories(top / "below");
  std::ofstream{top / "below" / "file"} << "x";
  const std::atomic<bool> stop{true};
  auto done = delete_tree(top, stop);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == ECANCELED);
  CHECK(std::filesystem::exists(top / "below" / "file"));
  REQUIRE(delete_tree(top).has_value());
  CHECK_FALSE(std::filesystem::exists(top));
}
