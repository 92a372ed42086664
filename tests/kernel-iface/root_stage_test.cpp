// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/root_stage.hpp"

#include "tests/kernel-iface/fake_container.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

using namespace reeve::kernel;
using namespace reeve::test;
namespace fs = std::filesystem;

TEST_CASE("prepare_stage: container root can neither lift a mask nor write "
          "kernel settings",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    // Root owns this one by its network namespace; only the mount forbids.
    out << "sysctl="
        << outcome(try_open("/proc/sys/net/ipv4/ip_forward", O_WRONLY)) << '\n';
    out << "sys=" << outcome(::mkdir("/sys/fs/x", 0755)) << '\n';
    auto masked = std::string{};
    for (auto* path :
         {"/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/kcore"})
      masked += read_file(path);
    out << "masked=" << masked.size() << '\n';
    out << "firmware=" << fs::is_empty("/sys/firmware") << '\n';
    out << "chmod mask=" << outcome(::chmod("/proc/keys", 0666)) << '\n';
    out << "umount=" << outcome(::umount2("/proc/keys", MNT_DETACH)) << '\n';
    out << "remount="
        << outcome(::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND,
                           nullptr))
        << '\n';
    out << "mount=" << outcome(::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr))
        << '\n';
    // A mount namespace of its own lets root mount, but not see below.
    out << "unshare=" << outcome(::unshare(CLONE_NEWNS)) << '\n';
    out << "locked umount=" << outcome(::umount2("/proc/keys", MNT_DETACH))
        << '\n';
    out << "locked remount="
        << outcome(::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND,
                           nullptr))
        << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(
      set_up(holder, stage_with(first_id), root_of(image, image.new_upper("a")))
      == "");
  auto found = holder.run_inside();
  CHECK(found["sysctl"] == "EROFS");
  CHECK(found["sys"] == "EROFS");
  CHECK(found["masked"] == "0");
  CHECK(found["firmware"] == "1");
  CHECK(found["chmod mask"] == "EROFS");
  CHECK(found["umount"] == "EPERM");
  CHECK(found["remount"] == "EPERM");
  CHECK(found["mount"] == "EPERM");
  CHECK(found["unshare"] == "ok");
  CHECK(found["locked umount"] == "EINVAL");
  CHECK(found["locked remount"] == "EPERM");
  CHECK(found["end"] == "reached");
}

TEST_CASE("prepare_stage: devices, terminals, shared memory and queues work "
          "and are private",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    auto null = unique_fd::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC));
    out << "null=" << ::write(null.get(), "x", 1) << '\n';
    auto random =
        unique_fd::adopt(::open("/dev/urandom", O_RDONLY | O_CLOEXEC));
    auto bytes = std::array<char, 8>{};
    out << "random=" << ::read(random.get(), bytes.data(), bytes.size())
        << '\n';
    out << "owner=" << owner_of("/dev/null") << ' ' << owner_of("/dev/ptmx")
        << ' ' << owner_of("/dev") << ' ' << owner_of("/dev/shm") << '\n';
    out << "mknod="
        << outcome(::mknod("/dev/mem", S_IFCHR | 0600, makedev(1, 1))) << '\n';
    auto terminal =
        unique_fd::adopt(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ::unlockpt(terminal.get());
    auto name = std::array<char, 64>{};
    ::ptsname_r(terminal.get(), name.data(), name.size());
    out << "terminal=" << name.data() << ' ' << owner_of(name.data()) << ' '
        << outcome(try_open(name.data(), O_RDWR | O_NOCTTY)) << '\n';
    out << "stdin=" << fs::read_symlink("/dev/stdin").string() << '\n';
    auto shared =
        unique_fd::adopt(::shm_open("/reeve", O_CREAT | O_RDWR, 0600));
    out << "shm=" << outcome(shared.get()) << '\n';
    auto queue = ::mq_open("/reeve", O_CREAT | O_RDWR, 0600, nullptr);
    out << "queue=" << outcome(queue) << ' '
        << outcome(::access("/dev/mqueue/reeve", F_OK)) << '\n';
    out << "console=" << outcome(::access("/dev/console", F_OK)) << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(
      set_up(holder, stage_with(first_id), root_of(image, image.new_upper("a")))
      == "");
  auto found = holder.run_inside();
  CHECK(found["null"] == "1");
  CHECK(found["random"] == "8");
  CHECK(found["owner"] == "0:0 0:0 0:0 0:0");
  CHECK(found["mknod"] == "EPERM");
  CHECK(found["terminal"] == "/dev/pts/0 0:5 ok");
  CHECK(found["stdin"] == "/proc/self/fd/0");
  CHECK(found["shm"] == "ok");
  CHECK(found["queue"] == "ok ok");
  CHECK(found["console"] == "ENOENT");
  CHECK(found["end"] == "reached");
}

TEST_CASE("prepare_stage: the container's cgroups are shown read-only",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto stage = stage_with(first_id);
  auto v1 = std::vector<std::string>{};
  for (auto* name : {"cpu", "memory", "pids", "freezer"})
    if (fs::exists(fs::path{"/sys/fs/cgroup"} / name))
      v1.emplace_back(name);
  stage.v1_hierarchies = v1;
  stage.cgroups = v1.empty() ? cgroup_view::v2 : cgroup_view::hybrid;
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    for (const auto& entry : fs::directory_iterator{"/sys/fs/cgroup"}) {
      if (!entry.is_directory())
        continue;
      out << entry.path().filename().string() << '='
          << fs::exists(entry.path() / "cgroup.procs") << ' '
          << outcome(::mkdir((entry.path() / "x").c_str(), 0755)) << '\n';
    }
    out << "top=" << outcome(::mkdir("/sys/fs/cgroup/x", 0755)) << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(set_up(holder, stage, root_of(image, image.new_upper("a"))) == "");
  auto found = holder.run_inside();
  CHECK(found["top"] == "EROFS");
  for (const auto& name : v1)
    CHECK(found[name] == "1 EROFS");
  if (!v1.empty())
    CHECK(found["unified"] == "1 EROFS");
  CHECK(found["end"] == "reached");
}

TEST_CASE("prepare_stage: an unknown hierarchy is left out and reported",
          "[kernel-iface][privileged]") {
  auto stage = stage_with(first_id);
  stage.cgroups = cgroup_view::v1;
  stage.v1_hierarchies = {"name=reeve-no-such"};
  auto holder = fake_holder{{}};
  auto answer = in_broker([&](const broker_namespace& home) -> std::string {
    auto staged = prepare_stage(home, holder.pidfd(), stage);
    if (!staged)
      return "refused";
    return std::to_string(staged->missing_hierarchies.size()) + " "
           + to_string(staged->missing_hierarchies.at(0));
  });
  CHECK_THAT(answer,
             Catch::Matchers::StartsWith("1 hierarchy name=reeve-no-such"));
}
