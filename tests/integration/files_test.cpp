// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace fs = std::filesystem;

namespace {

void add_file(const fs::path& path, const std::string& text, mode_t mode,
              uid_t owner, gid_t group) {
  fs::create_directories(path.parent_path());
  std::ofstream{path} << text;
  REQUIRE(::chown(path.c_str(), owner, group) == 0);
  REQUIRE(::chmod(path.c_str(), mode) == 0); // after chown, which clears setuid
}

/// Files of several owners and modes below /data.
void add_data(const fs::path& root) {
  auto data = root / "data";
  add_file(data / "plain", "plain\n", 0644, 0, 0);
  add_file(data / "secret", "secret\n", 0600, 0, 0);
  add_file(data / "ann", "of ann\n", 0640, 1000, 1001);
  add_file(data / "setuid", "s\n", 04755, 0, 0);
  add_file(data / "stranger", "beyond the map\n", 0644, 70000, 70000);
  add_file(data / "dir/inner/leaf", "leaf\n", 0644, 1000, 1001);
  add_file(data / "dir/other", "other\n", 0444, 0, 5);
  add_file(data / "doomed/a", "a\n", 0644, 0, 0);
  fs::create_symlink("plain", data / "link");
  fs::create_hard_link(data / "plain", data / "twin");
  REQUIRE(::chown((data / "dir").c_str(), 1000, 1001) == 0);
}

constexpr auto* havoc = R"(
set -e
cd /data
echo changed > plain
echo more >> secret
rm ann
mv dir moved
mv moved/inner/leaf moved/renamed
rm -r doomed
mkdir doomed
echo new > doomed/b
chown 1000:1000 setuid
chmod 0700 setuid
ln secret hard
ln -s /data/secret soft
rm link
mkfifo pipe
mv twin /bin/twin
touch -d 2001-01-01 moved/other
echo owned > /bin/probe
)";

std::string listing(instance& reeve, const char* name) {
  auto seen = reeve.shell(name, "find /data /bin -exec stat -c "
                                "'%n %F %a %u:%g %s %Y' '{}' ';' | sort");
  CHECK(seen.reason == exit_reason::exited(0));
  return seen.out;
}

config::process_spec as(const std::string& user, const std::string& script) {
  static unsigned number = 0;
  auto out = instance::process("as-" + std::to_string(++number),
                               {"/bin/sh", "-c", script});
  out.user = user;
  return out;
}

} // namespace

TEST_CASE("files: what one container does to its image nobody else sees",
          "[integration][files]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    probe_image image;
    add_data(image.path());
    auto host = describe_tree(image.path());
    instance reeve;
    reeve.create(image.spec("one"));
    reeve.create(image.spec("two"));
    auto untouched = listing(reeve, "two");
    CHECK(untouched.find("/data/ann regular file 640 1000:1001 7")
          != std::string::npos);
    CHECK(untouched.find("/data/setuid regular file 4755 0:0")
          != std::string::npos);
    // An owner beyond the container's ids is nobody there.
    CHECK(untouched.find("/data/stranger regular file 644 65534:65534")
          != std::string::npos);

    auto done = reeve.shell("one", havoc);
    CHECK(done.err.empty());
    REQUIRE(done.reason == exit_reason::exited(0));

    CHECK(listing(reeve, "two") == untouched);
    CHECK(describe_tree(image.path()) == host);
    auto changed = reeve.shell(
        "one", "cat /data/plain /data/secret /data/moved/renamed; "
               "ls /data/doomed; test ! -e /data/dir && test ! -e /data/ann "
               "&& stat -c '%u:%g %a' /data/setuid && "
               "stat -c %h /data/hard && cat /bin/probe");
    CHECK(changed.out
          == "changed\nsecret\nmore\nleaf\nb\n1000:1000 700\n2\nowned\n");
    CHECK(reeve.shell("two", "cat /data/plain /data/secret; probe fds")
              .out.starts_with("plain\nsecret\n0 "));
    // And a third that comes later.
    reeve.create(image.spec("three"));
    CHECK(listing(reeve, "three") == untouched);
    reeve.destroy("one");
    CHECK(describe_tree(image.path()) == host);
  }
  CHECK(leaked_since(before).empty());
}

TEST_CASE("files: a container keeps its files over stop and start",
          "[integration][files]") {
  if (!is_root())
    return;
  probe_image image;
  add_data(image.path());
  instance reeve;
  reeve.create(image.spec("box"));
  REQUIRE(reeve.shell("box", havoc).reason == exit_reason::exited(0));
  auto seen = listing(reeve, "box");
  reeve.ask<container_is>(stop_container{"box", 0});
  reeve.ask<container_is>(start_container{"box"});
  CHECK(listing(reeve, "box") == seen);
}

TEST_CASE("files: permissions hold inside as they would on a host",
          "[integration][files]") {
  if (!is_root())
    return;
  probe_image image;
  add_data(image.path());
  instance reeve;
  reeve.create(image.spec("box"));
  CHECK(reeve.run_to_end("box", as("ann", "cat /data/secret")).reason
        == exit_reason::exited(1));
  CHECK(reeve.run_to_end("box", as("ann", "cat /data/ann")).out == "of ann\n");
  CHECK(reeve.run_to_end("box", as("ann", "touch /data/dir/mine /tmp/mine"))
            .reason
        == exit_reason::exited(0));
  CHECK(reeve.run_to_end("box", as("ann", "touch /data/new")).reason
        == exit_reason::exited(1));
  CHECK(reeve.shell("box", "stat -c %u:%g /data/dir/mine").out
        == "1000:1001\n");
  // Root of a container is not the owner of what lies beyond its ids.
  CHECK(reeve.shell("box", "echo x >> /data/stranger").reason
        != exit_reason::exited(0));
  CHECK(reeve.shell("box", "chown 0 /data/stranger").reason
        != exit_reason::exited(0));
}

TEST_CASE("files: root inside is nobody outside, in ids of its own",
          "[integration][files]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  std::set<std::uint32_t> bases;
  for (const auto* name : {"one", "two", "three"}) {
    reeve.create(image.spec(name));
    auto pid = reeve.run(name, instance::sleeper("p")).pid;
    auto base = reeve.ask<container_details>(get_container{name}).info.uid_base;
    auto id = std::to_string(base);
    auto four = id + "\t" + id + "\t" + id + "\t" + id;
    CHECK(base >= 65536);
    CHECK(base % 65536 == 0);
    CHECK(status_of(pid, "Uid") == four);
    CHECK(status_of(pid, "Gid") == four);
    CHECK(reeve.shell(name, "id -u; id -g").out == "0\n0\n");
    for (const auto* map : {"uid_map", "gid_map"}) {
      std::uint32_t inside = 1;
      std::uint32_t outside = 0;
      std::uint32_t count = 0;
      std::ifstream in{"/proc/" + std::to_string(pid) + "/" + map};
      in >> inside >> outside >> count;
      CHECK(inside == 0);
      CHECK(outside == base);
      CHECK(count == 65536);
      CHECK_FALSE(in >> inside);
    }
    bases.insert(base);
  }
  CHECK(bases.size() == 3);
}

TEST_CASE("files: a read-only root is read-only, and /tmp with it",
          "[integration][files]") {
  if (!is_root())
    return;
  probe_image image;
  add_data(image.path());
  auto host = describe_tree(image.path());
  instance reeve;
  auto spec = image.spec("box");
  spec.readonly_root = true;
  reeve.create(spec);
  for (const auto* script :
       {"echo x > /data/plain", "touch /new", "rm /data/ann", "mv /data/dir /d",
        "chmod 777 /data", "touch /tmp/x", "ln /data/plain /data/h"}) {
    auto done = reeve.shell("box", script);
    INFO(script);
    CHECK(done.reason != exit_reason::exited(0));
    CHECK(done.err.find("Read-only file system") != std::string::npos);
  }
  CHECK(reeve.shell("box", "probe open /data/plain w").out
        == "open /data/plain: EROFS\n");
  CHECK(reeve.shell("box", "echo x > /dev/shm/x && cat /dev/shm/x").out
        == "x\n");
  CHECK(describe_tree(image.path()) == host);
}

TEST_CASE("files: a container with a deeper tree than we have descriptors for "
          "is destroyed whole",
          "[integration][files]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("deep");
  auto made = reeve.shell("deep", "mkdir /deep && cd /deep && i=0 && "
                                  "while [ $i -lt 1200 ]; do "
                                  "mkdir d && cd d && i=$((i + 1)) || exit 1; "
                                  "done; touch bottom");
  REQUIRE(made.reason == exit_reason::exited(0));
  auto id = reeve.details_of("deep").info.id;
  auto directory = reeve.root() + "/state/containers/" + id;
  REQUIRE(fs::exists(directory));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few{512, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  reeve.destroy("deep");
  eventually("its files are deleted", [&] { return !fs::exists(directory); });
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}
