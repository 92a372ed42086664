// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A limit of page cache that is to be written, on a disk of the test's own.

#include "kernel-iface/unique_fd.hpp"
#include "tests/integration/limit_requests.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/memory_file.hpp"
#include "tests/support/skip.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr auto no_end = ~std::uint64_t{0};

/// Writes a file again and again, as fast as it can.
config::process_spec writer(const std::string& id, const std::string& file) {
  return api_client::process(
      id, {"sh", "-c",
           "while :; do dd if=/dev/zero of=" + file
               + " bs=64k count=800 conv=notrunc 2>/dev/null; done"});
}

std::uint64_t dirty_now(pid_t pid) {
  auto file = limits_file(pid, "memory", "memory.stat", "memory.stat");
  return field_in(file, is_cgroup2() ? "file_dirty" : "total_dirty");
}

/// Without a page cache of its own, whose pages the kernel charges to who
/// writes to the device (kthread_associate_blkcg). Where its file is in memory
/// that is refused, and its pages are never to be written.
void have_no_second_cache(const daemon_process& daemon) {
  struct stat st {};
  REQUIRE(::stat(daemon.disk().c_str(), &st) == 0);
  auto path = "/dev/loop" + std::to_string(minor(st.st_dev));
  auto device =
      kernel::unique_fd::adopt(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(device);
  static_cast<void>(::ioctl(device.get(), LOOP_SET_DIRECT_IO, 1UL));
}

/// The most in six seconds, or until it is more than enough.
std::uint64_t most_dirty(pid_t pid, std::uint64_t enough) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{6};
  auto most = std::uint64_t{0};
  for (; std::chrono::steady_clock::now() < until && most < enough;
       ::usleep(500)) // or we would be in the way of what is measured
    most = std::max(most, dirty_now(pid));
  return most;
}

/// Bytes, by the disk's own count.
std::uint64_t written_to_disk(const daemon_process& daemon) {
  struct stat st {};
  REQUIRE(::stat(daemon.disk().c_str(), &st) == 0);
  std::istringstream in{
      read_file("/sys/dev/block/" + std::to_string(major(st.st_dev)) + ":"
                + std::to_string(minor(st.st_dev)) + "/stat")};
  std::uint64_t fields[7] = {};
  for (auto& field : fields)
    in >> field;
  REQUIRE(in);
  return fields[6] * 512;
}

} // namespace

TEST_CASE("limits: what is to be written stays below its limit",
          "[integration][limits][dirty]") {
  if (!has_loop_devices())
    return;
  daemon_process reeve{{.disk_mib = 256}};
  have_no_second_cache(reeve);
  reeve.create("box");
  auto pid = reeve.run("box", writer("writer", "/big")).pid;
  constexpr auto limit = 16 * mib;
  // Without one it is more than is allowed with one, so that there is something
  // to see.
  CHECK(most_dirty(pid, 2 * limit) >= 2 * limit);
  set(reeve, "box", {{"dirty.limit", "16M"}});
  CHECK(limit_of(reeve, "box", "dirty.limit") == "16M");
  auto source = reeve.ask<limits_in_force>(get_limits{"box", {"dirty.limit"}})
                    .limits.front()
                    .source;
  CHECK(source == "emulated");
  eventually("what was there is written",
             [&] { return dirty_now(pid) < limit; });
  auto most = most_dirty(pid, no_end);
  INFO("at most " << most / mib << " MiB");
  CHECK(most < 2 * limit);
  // It is slowed down, and not stopped.
  CHECK(reeve.process_of("box", "writer").phase == process_phase::running);
  auto before = written_to_disk(reeve);
  eventually("it writes",
             [&] { return written_to_disk(reeve) > before + 64 * mib; });
  CHECK(reeve.shell("box", "echo well").out == "well\n");
  set(reeve, "box", {{"dirty.limit", "max"}});
  CHECK(limit_of(reeve, "box", "dirty.limit") == "max");
  CHECK(most_dirty(pid, 2 * limit) >= 2 * limit);
}

TEST_CASE("limits: who is stopped for his dirty pages can be paused, resumed "
          "and stopped",
          "[integration][limits][dirty]") {
  if (!has_loop_devices())
    return;
  daemon_process reeve{{.disk_mib = 256}};
  have_no_second_cache(reeve);
  auto spec = daemon_process::spec("box");
  spec.limits.dirty_bytes = 4 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", writer("writer", "/big")).pid;
  reeve.run("box", writer("other", "/other"));
  for (auto i = 0; i < 20; ++i) {
    reeve.ask<container_is>(pause_container{"box"});
    auto before = written_to_disk(reeve);
    for (auto j = 0; j < 20; ++j)
      CHECK(is_frozen(pid));
    CHECK(reeve.ask<container_is>(resume_container{"box"}).phase
          == container_phase::running);
    eventually("it goes on", [&] { return written_to_disk(reeve) > before; });
  }
  CHECK(reeve.ask<container_is>(stop_container{"box", 0}).phase
        == container_phase::stopped);
  CHECK(!is_alive(pid));
}

TEST_CASE(
    "limits: dirty pages that are of no file in the container are told of, "
    "and nobody stands still for them",
    "[integration][limits][dirty]") {
  if (!has_loop_devices())
    return;
  auto log = memory_file();
  daemon_process reeve{{.disk_mib = 256,
                        .log = "level = \"warning\"",
                        .standard_error = log.get()}};
  have_no_second_cache(reeve);
  auto spec = daemon_process::spec("box");
  spec.limits.dirty_bytes = 4 * mib;
  reeve.create(spec);
  // A file that has lost its name.
  reeve.run("box", daemon_process::process(
                       "writer", {"sh", "-c",
                                  "exec 3<>/gone; rm /gone; "
                                  "dd if=/dev/zero bs=64k count=400 >&3 "
                                  "2>/dev/null; echo done; sleep 9999"}));
  eventually("it is done",
             [&] { return output_so_far(reeve, "box", "writer") == "done\n"; });
  CHECK(reeve.shell("box", "echo well").out == "well\n");
  CHECK_THAT(contents_of(log), ContainsSubstring("dirty.limit"));
}

TEST_CASE("limits: the next daemon keeps the limit of dirty pages",
          "[integration][limits][dirty]") {
  if (!is_root())
    return;
  daemon_process reeve; // not on a disk of its own, which goes with the daemon
  auto spec = daemon_process::spec("box");
  spec.limits.dirty_bytes = 16 * mib;
  reeve.create(spec);
  reeve.kill();
  reeve.start();
  CHECK(limit_of(reeve, "box", "dirty.limit") == "16M");
  auto has_keeper = [&] {
    for (const auto& task : std::filesystem::directory_iterator{
             "/proc/" + std::to_string(reeve.pid()) + "/task"})
      if (read_file((task.path() / "comm").string()) == "reeve-dirty\n")
        return true;
    return false;
  };
  eventually("somebody looks at its pages", has_keeper);
  set(reeve, "box", {{"dirty.limit", "max"}});
  eventually("and nobody any more", [&] { return !has_keeper(); });
}
