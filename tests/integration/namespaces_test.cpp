// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

struct kind {
  const char* file; ///< in /proc/PID/ns
  config::namespace_choice config::namespace_choices::*choice;
};

constexpr kind kinds[] = {
    {"pid", &config::namespace_choices::pid},
    {"net", &config::namespace_choices::net},
    {"uts", &config::namespace_choices::uts},
    {"ipc", &config::namespace_choices::ipc},
    {"mnt", &config::namespace_choices::mount},
    {"user", &config::namespace_choices::user},
    {"cgroup", &config::namespace_choices::cgroup},
    {"time", &config::namespace_choices::time},
};

std::string namespace_of(pid_t pid, const char* file) {
  char target[64];
  auto path = "/proc/" + std::to_string(pid) + "/ns/" + file;
  auto size = ::readlink(path.c_str(), target, sizeof(target));
  REQUIRE(size > 0);
  return {target, static_cast<std::size_t>(size)};
}

pid_t sleeper(instance& reeve, const std::string& container) {
  return reeve.run(container, instance::sleeper("sleeper")).pid;
}

// What a container is good for, whatever it shares.
void works(instance& reeve, const std::string& container) {
  auto done =
      reeve.shell(container, "set -e; id -u; stat -c %u:%g / /etc /dev/null; "
                             "echo x > /new; chown 1000:1000 /new; cat /new; "
                             "rm /new; echo y > /dev/shm/y; rm /dev/shm/y; "
                             "test -e /proc/self/status; ls / | wc -l");
  INFO(done.err);
  CHECK(done.reason == exit_reason::exited(0));
  CHECK(done.out.starts_with("0\n0:0\n0:0\n0:0\nx\n"));
  auto user = instance::process("user", {"sh", "-c", "id -u; id -g"});
  user.user = "ann";
  CHECK(reeve.run_to_end(container, user).out == "1000\n1001\n");
}

} // namespace

TEST_CASE("namespaces: by default all eight are the container's own",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("one"));
  reeve.create(image.spec("two"));
  auto one = sleeper(reeve, "one");
  auto two = sleeper(reeve, "two");
  for (const auto& item : kinds) {
    INFO(item.file);
    CHECK(namespace_of(one, item.file) != namespace_of(two, item.file));
    CHECK(namespace_of(one, item.file) != namespace_of(::getpid(), item.file));
    CHECK(namespace_of(two, item.file) != namespace_of(::getpid(), item.file));
  }
  works(reeve, "one");
}

TEST_CASE("namespaces: one of the host's is shared with the host alone",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    instance reeve;
    for (const auto& shared : kinds) {
      if (shared.choice == &config::namespace_choices::mount)
        continue;
      DYNAMIC_SECTION(shared.file) {
        auto spec = image.spec("box");
        (spec.namespaces.*shared.choice).mode = config::namespace_mode::host;
        reeve.create(spec);
        auto pid = sleeper(reeve, "box");
        for (const auto& item : kinds) {
          INFO(item.file);
          auto same = namespace_of(pid, item.file)
                      == namespace_of(::getpid(), item.file);
          CHECK(same == (item.file == shared.file));
        }
        works(reeve, "box");
        reeve.destroy("box");
        CHECK(
            ::access(("/proc/" + std::to_string(pid) + "/ns/pid").c_str(), F_OK)
            != 0);
      }
    }
  }
  CHECK(leaked_since(before).empty());
}

// A mount of cgroup2 in the host's cgroup namespace sets the options of the
// host's one hierarchy. Those used here mean nothing to anybody: that of memory
// where memory is not cgroup2's, else one of how fast processes move.
TEST_CASE("namespaces: the host's cgroups keep their mount options",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  auto set_options = [](const std::string& options) {
    auto pid = ::fork();
    if (pid == 0)
      ::_exit(::unshare(CLONE_NEWNS) == 0
                      && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE,
                                 nullptr)
                             == 0
                      && ::mount("reeve", "/mnt", "cgroup2", 0, options.c_str())
                             == 0
                  ? 0
                  : 1);
    auto status = -1;
    ::waitpid(pid, &status, 0);
    return status == 0;
  };
  // Of the file system, without its "rw".
  auto options_now = [] {
    auto mounts = read_host_file("/proc/self/mountinfo");
    auto at = mounts.find(" - cgroup2 ");
    auto line = mounts.substr(at, mounts.find('\n', at) - at);
    auto options = line.substr(line.rfind(' ') + 1);
    return options.substr(std::min(options.size(), std::string{"rw,"}.size()));
  };
  const std::string mark = is_cgroup2() ? "favordynmods" : "memory_localevents";
  const std::string place =
      is_cgroup2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
  if (read_host_file("/proc/self/mountinfo").find(" - cgroup2 ")
      == std::string::npos)
    return skip("no cgroup2 is mounted here");
  auto before = options_now();
  if (before.find(mark) != std::string::npos
      || !set_options(before.empty() ? mark : before + "," + mark))
    return skip("this host's cgroup2 has " + mark
                + " already, or does not know it");
  auto changed = options_now();
  std::string during;
  std::string inside;
  {
    probe_image image;
    instance reeve;
    auto spec = image.spec("box");
    spec.namespaces.cgroup.mode = config::namespace_mode::host;
    reeve.create(spec);
    during = options_now();
    inside = reeve
                 .shell("box", "grep cgroup2 /proc/mounts; ls -d " + place
                                   + "/cgroup.procs; mkdir " + place + "/x")
                 .out;
  }
  CHECK(set_options(before));
  CHECK(options_now() == before);
  REQUIRE(changed.find(mark) != std::string::npos);
  CHECK(during == changed);
  INFO(inside);
  CHECK(inside.find(" ro,nosuid,nodev,noexec") != std::string::npos);
  CHECK(inside.find("\n" + place + "/cgroup.procs\n") != std::string::npos);
}

TEST_CASE("namespaces: one of another container's is shared with it alone",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    instance reeve;
    reeve.create(image.spec("first"));
    auto first = sleeper(reeve, "first");
    for (const auto& shared : kinds) {
      if (shared.choice == &config::namespace_choices::mount)
        continue;
      DYNAMIC_SECTION(shared.file) {
        auto spec = image.spec("box");
        spec.namespaces
            .*shared.choice = {config::namespace_mode::join, "first"};
        reeve.create(spec);
        auto pid = sleeper(reeve, "box");
        for (const auto& item : kinds) {
          INFO(item.file);
          auto same =
              namespace_of(pid, item.file) == namespace_of(first, item.file);
          CHECK(same == (item.file == shared.file));
          CHECK(namespace_of(pid, item.file)
                != namespace_of(::getpid(), item.file));
        }
        works(reeve, "box");
        reeve.destroy("box");
        works(reeve, "first");
        CHECK(reeve.process_of("first", "sleeper").pid == first);
      }
    }
  }
  CHECK(leaked_since(before).empty());
}

TEST_CASE("namespaces: the mount namespace is always the container's own",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.namespaces.mount.mode = config::namespace_mode::host;
  auto why = reeve.refusal<container_created>(create_container{0, spec, false});
  CHECK(why.find("mount") != std::string::npos);
}

TEST_CASE("namespaces: joining a container that is not there is refused",
          "[integration][namespaces]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    instance reeve;
    auto spec = image.spec("box");
    spec.namespaces.net = {config::namespace_mode::join, "nobody"};
    auto why =
        reeve.refusal<container_created>(create_container{0, spec, false});
    CHECK(why.find("nobody") != std::string::npos);
    reeve.refusal<container_details>(get_container{"box"});
  }
  CHECK(leaked_since(before).empty());
}
