// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Several Reeves on one host: two daemons and one within the console.

#include "tests/console/at_daemon.hpp"
#include "tests/console/console_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/temp_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
namespace fs = std::filesystem;

namespace {

struct stat status_of(const fs::path& path) {
  struct stat out {};
  INFO(path);
  REQUIRE(::lstat(path.c_str(), &out) == 0);
  return out;
}

fs::path find_file(const std::string& below, const std::string& name) {
  for (const auto& item : fs::recursive_directory_iterator{below})
    if (item.path().filename() == name)
      return item.path();
  FAIL("there is no file " + name + " below " + below);
  return {};
}

uid_t first_id(const std::string& uid_map) {
  std::istringstream in{uid_map};
  uid_t inside = 1;
  uid_t outside = 0;
  in >> inside >> outside;
  CHECK(inside == 0);
  return outside;
}

// What its user sees of it, and what the kernel says.
struct resident {
  explicit resident(daemon_process& of) : reeve(of) {
    reeve.create("web");
    pid = reeve.run("web", daemon_process::sleeper("p")).pid;
    auto info = reeve.details_of("web").info;
    pid_one = info.pid;
    base = info.uid_base;
  }

  void check_unchanged() const {
    CHECK(is_alive(pid));
    CHECK(is_alive(pid_one));
    CHECK(reeve.container_names() == std::vector<std::string>{"web"});
    CHECK(reeve.process_of("web", "p").pid == pid);
    CHECK(reeve.details_of("web").info.pid == pid_one);
    CHECK(reeve.shell("web", "echo works").out == "works\n");
  }

  daemon_process& reeve;
  pid_t pid = 0;
  pid_t pid_one = 0;
  std::uint32_t base = 0;
};

} // namespace

TEST_CASE(
    "console: two daemons on two roots and a one-shot without a daemon do "
    "not disturb each other",
    "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process first;
  daemon_process second;
  resident a{first};
  resident b{second};
  pipe_ends in;
  pipe_ends out;
  console_process shot{{"--socket", "/nowhere/reeved.sock", "run", "--image",
                        "busybox", "-i", "--", "sh", "-c",
                        "cat /proc/self/uid_map; cat; exit 8"},
                       {in.read.get(), out.write.get(), STDERR_FILENO, {}, {}}};
  in.read.reset();
  out.write.reset();
  auto bases =
      std::set<uid_t>{a.base, b.base, first_id(next_line(out.read.get()))};
  CHECK(bases.size() == 3);
  CHECK(bases.count(0) == 0);
  a.check_unchanged();
  b.check_unchanged();

  // All at work at the same time.
  std::string problem;
  std::thread busy{[&] {
    for (auto i = 0; i < 30 && problem.empty(); ++i) {
      auto spec = daemon_process::spec("more");
      problem =
          first.complaint<container_created>(create_container{0, spec, false});
      if (problem.empty())
        problem =
            first.complaint<container_is>(destroy_container{"more", true, 0});
    }
  }};
  for (auto i = 0; i < 3; ++i) {
    auto got = run_console({"--socket", "/nowhere/reeved.sock", "run",
                            "--image", "busybox", "--", "echo", "one"});
    CHECK(got.status == 0);
    CHECK(got.out == "one\n");
    CHECK(second.shell("web", "echo two").out == "two\n");
  }
  busy.join();
  CHECK(problem.empty());
  a.check_unchanged();
  b.check_unchanged();

  // The death of one is nothing to the others, nor is its return.
  first.kill();
  b.check_unchanged();
  first.start();
  a.check_unchanged();
  b.check_unchanged();
  first.destroy("web");
  CHECK_FALSE(is_alive(a.pid));
  b.check_unchanged();
  REQUIRE(::write(in.write.get(), "still here\n", 11) == 11);
  CHECK(next_line(out.read.get()) == "still here");
  in.write.reset();
  CHECK(shot.finish() == 8);
  b.check_unchanged();
}

TEST_CASE("console: a file of a container of one daemon belongs to nobody in a "
          "container of another",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process first;
  daemon_process second;
  first.create("web");
  REQUIRE(first
              .shell("web", "mkdir /own; cd /own; echo secret > private; "
                            "chmod 600 private; echo text > shared; "
                            "chmod 644 shared; echo user > theirs; "
                            "chown 1000:1000 theirs; mkdir dir; "
                            "cp /bin/busybox .; chmod 4755 busybox")
              .reason
          == exit_reason::exited(0));
  auto base = first.details_of("web").info.uid_base;
  auto written =
      find_file(first.root() + "/state/containers", "own"); // its upper layer
  CHECK(status_of(written / "private").st_uid == base);
  CHECK(status_of(written / "theirs").st_uid == base + 1000);

  // The root of the other: an image of its own, with that directory in it.
  temp_directory place;
  fs::permissions(place.path(), fs::perms{0711});
  auto root = fs::path{place.path()} / "root";
  auto copy = "cp -a '" + first.root() + "/state/images/busybox/rootfs' '"
              + root.string() + "' && cp -a '" + written.string() + "' '"
              + root.string() + "/'";
  REQUIRE(std::system(copy.c_str()) == 0);
  REQUIRE(status_of(root / "own/theirs").st_uid == base + 1000);
  auto before = status_of(root / "own/shared");
  config::container_spec spec;
  spec.name = "web";
  spec.rootfs = root;
  second.create(spec);
  CHECK(second.details_of("web").info.uid_base != base);

  auto all = std::string{"private shared theirs dir busybox"};
  CHECK(second.shell("web", "cd /own; stat -c '%u:%g %n' . " + all).out
        == "65534:65534 .\n65534:65534 private\n65534:65534 shared\n"
           "65534:65534 theirs\n65534:65534 dir\n65534:65534 busybox\n");
  CHECK(second.shell("web", "cat /own/shared").out == "text\n");
  for (const auto* attempt :
       {"cat /own/private", "echo x >> /own/shared", "echo x > /own/theirs",
        "chown 0 /own/shared", "chmod 666 /own/shared", "rm /own/shared",
        "mv /own/shared /own/x", "touch /own/new", "touch /own/dir/new",
        "mkdir /own/dir/x", "ln /own/shared /stolen", "rm -r /own/dir",
        "chmod 0 /own"}) {
    INFO(attempt);
    auto done = second.shell("web", attempt);
    INFO(done.err);
    CHECK(done.reason.kind == exit_kind::exited);
    CHECK(done.reason.code != 0);
    CHECK(done.out.empty());
  }
  // A program that is set to run as its owner runs as who started it.
  auto user = daemon_process::process("user", {"/own/busybox", "id", "-u"});
  user.user = "1000";
  user.no_new_privs = false;
  CHECK(second.run_to_end("web", user).out == "1000\n");
  auto after = status_of(root / "own/shared");
  CHECK(after.st_uid == before.st_uid);
  CHECK(after.st_mode == before.st_mode);
  CHECK(after.st_size == before.st_size);
  CHECK(after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
  CHECK(read_file(root / "own/shared") == "text\n");

  // To its own container it is as before.
  CHECK(first.shell("web", "cd /own; cat private; stat -c %u theirs").out
        == "secret\n1000\n");
}
