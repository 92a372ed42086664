// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/root_attach.hpp"

#include "tests/kernel-iface/fake_container.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

using namespace reeve::kernel;
using namespace reeve::test;
namespace fs = std::filesystem;

namespace {

int exit_of(const char* program, std::vector<const char*> words) {
  words.push_back(nullptr);
  auto pid = ::fork();
  if (pid == 0) {
    ::execv(program, const_cast<char* const*>(words.data()));
    ::_exit(127);
  }
  auto status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Mount points in a mountinfo, with the options of each.
std::map<std::string, std::string> mounts_in(const std::string& mountinfo) {
  auto found = std::map<std::string, std::string>{};
  auto lines = std::istringstream{mountinfo};
  for (auto line = std::string{}; std::getline(lines, line);) {
    auto words = std::istringstream{line};
    auto skipped = std::string{};
    auto place = std::string{};
    auto options = std::string{};
    words >> skipped >> skipped >> skipped >> skipped >> place >> options;
    found[place] += options;
  }
  return found;
}

} // namespace

TEST_CASE("attach_root: the container sees its own mounts and no other",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto host_mounts = read_file("/proc/self/mountinfo");
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "mounts=";
    for (const auto& [place, options] :
         mounts_in(read_file("/proc/self/mountinfo")))
      out << place << ' ' << options << ';';
    out << "\nuid_map=" << read_file("/proc/self/uid_map");
    out << "host paths="
        << (read_file("/proc/self/mountinfo").find("reeve-image")
            != std::string::npos)
        << '\n';
    out << "net=";
    for (const auto& link : fs::directory_iterator{"/sys/class/net"})
      out << link.path().filename().string();
    out << "\npid 1=" << fs::exists("/proc/1/stat") << '\n';
    out << "old root=" << outcome(::access("/stage", F_OK)) << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(
      set_up(holder, stage_with(first_id), root_of(image, image.new_upper("a")))
      == "");
  auto found = holder.run_inside();
  REQUIRE(found["end"] == "reached");

  auto places = std::set<std::string>{};
  auto entries = std::istringstream{found["mounts"]};
  for (auto entry = std::string{}; std::getline(entries, entry, ';');) {
    INFO(entry);
    auto place = entry.substr(0, entry.find(' '));
    places.insert(place);
    if (place.starts_with("/sys") || place.starts_with("/proc/"))
      CHECK(entry.find(" ro,") != std::string::npos);
    if (place.starts_with("/sys") || place == "/proc") {
      CHECK(entry.find("nosuid,nodev,noexec") != std::string::npos);
    }
  }
  for (auto* place : {"/", "/proc", "/proc/sys", "/proc/keys", "/sys", "/dev",
                      "/dev/pts", "/dev/shm", "/dev/mqueue"})
    CHECK(places.count(place) == 1);
  auto allowed = stage_options{};
  for (const auto& place : places) {
    INFO(place);
    auto& masked = allowed.masked_paths;
    auto& guarded = allowed.read_only_paths;
    CHECK(
        (place == "/" || place == "/proc" || place == "/sys"
         || place.starts_with("/dev")
         || std::find(masked.begin(), masked.end(), place) != masked.end()
         || std::find(guarded.begin(), guarded.end(), place) != guarded.end()));
  }
  CHECK(found["uid_map"].find("200000") != std::string::npos);
  CHECK(found["host paths"] == "0");
  CHECK(found["net"] == "lo");
  CHECK(found["pid 1"] == "1");
  CHECK(found["old root"] == "ENOENT");
  CHECK(read_file("/proc/self/mountinfo") == host_mounts);
}

TEST_CASE("attach_root: container root that sheds /proc and /dev finds nothing "
          "below",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    auto root = unique_fd::adopt(::open("/", O_RDONLY | O_CLOEXEC));
    auto pid = ::fork();
    if (pid == 0) {
      // A mount point can be removed where nothing is mounted on it, so: from
      // a namespace that has dropped all mounts but one.
      auto shed = ::unshare(CLONE_NEWNS) == 0
                  && ::mount("x", "/tmp", "tmpfs", 0, nullptr) == 0
                  && ::chdir("/tmp") == 0
                  && ::syscall(SYS_pivot_root, ".", ".") == 0
                  && ::umount2(".", MNT_DETACH) == 0
                  && ::renameat(root.get(), "sys", root.get(), "s") == 0
                  && ::unlinkat(root.get(), "dev", AT_REMOVEDIR) == 0
                  && ::unlinkat(root.get(), "proc", AT_REMOVEDIR) == 0;
      ::_exit(shed ? 0 : 1);
    }
    auto status = 0;
    ::waitpid(pid, &status, 0);
    out << "shed=" << (status == 0) << '\n';
    out << "proc=" << outcome(::access("/proc", F_OK)) << '\n';
    out << "dev=" << outcome(::access("/dev", F_OK)) << '\n';
    // A renamed mount point takes its mounts along.
    out << "masked=" << fs::is_empty("/s/firmware") << '\n';
    out << "sys=" << outcome(::mkdir("/s/fs/x", 0755)) << '\n';
    ::mkdir("/proc", 0755);
    out << "mount=" << outcome(::mount("proc", "/proc", "proc", 0, nullptr))
        << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(
      set_up(holder, stage_with(first_id), root_of(image, image.new_upper("a")))
      == "");
  auto found = holder.run_inside();
  CHECK(found["shed"] == "1");
  CHECK(found["proc"] == "ENOENT");
  CHECK(found["dev"] == "ENOENT");
  CHECK(found["masked"] == "1");
  CHECK(found["sys"] == "EROFS");
  CHECK(found["mount"] == "EPERM");
  CHECK(found["end"] == "reached");
}

TEST_CASE("attach_root: what the container changes stays in its upper layer",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto before = image.snapshot();
  auto host_mounts = read_file("/proc/self/mountinfo");
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "owners=" << owner_of("/") << ' ' << owner_of("/bin/busybox") << ' '
        << owner_of("/etc/user") << '\n';
    out << "run=" << exit_of("/bin/busybox", {"true"}) << '\n';
    std::ofstream{"/etc/motd", std::ios::app} << "changed\n";
    out << "motd=" << read_file("/etc/motd").size() << '\n';
    out << "unlink=" << outcome(::unlink("/etc/passwd")) << '\n';
    out << "rename=" << outcome(::rename("/lib/deep", "/lib/moved")) << '\n';
    out << "chown=" << outcome(::chown("/etc/user", 5, 6)) << ' '
        << owner_of("/etc/user") << '\n';
    out << "chown out=" << outcome(::chown("/etc/user", 70000, 0)) << '\n';
    out << "create=" << outcome(try_open("/new", O_CREAT | O_WRONLY)) << ' '
        << owner_of("/new") << '\n';
    out << "remove="
        << exit_of("/bin/busybox", {"rm", "-rf", "/bin/sh", "/tmp"}) << '\n';
  };
  auto upper = image.new_upper("a");
  {
    auto holder = fake_holder{spec};
    REQUIRE(set_up(holder, stage_with(first_id), root_of(image, upper)) == "");
    auto found = holder.run_inside();
    CHECK(found["owners"] == "0:0 0:0 1000:1000");
    CHECK(found["run"] == "0");
    CHECK(found["motd"] == "17");
    CHECK(found["unlink"] == "ok");
    CHECK(found["rename"] == "ok");
    CHECK(found["chown"] == "ok 5:6");
    CHECK(found["chown out"] == "EINVAL");
    CHECK(found["create"] == "ok 0:0");
    CHECK(found["remove"] == "0");
    CHECK(found["end"] == "reached");
  }
  CHECK(image.snapshot() == before);
  struct stat made = {};
  REQUIRE(::stat((upper / "u/new").c_str(), &made) == 0);
  CHECK(made.st_uid == first_id);
  CHECK(read_file("/proc/self/mountinfo") == host_mounts);
}

TEST_CASE("attach_root: two containers with different ranges share a layer",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto before = image.snapshot();
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "fresh=" << outcome(::access("/mine", F_OK)) << '\n';
    out << "create=" << outcome(try_open("/mine", O_CREAT | O_WRONLY)) << '\n';
    out << "owners=" << owner_of("/etc/passwd") << ' ' << owner_of("/mine")
        << '\n';
  };
  auto one = fake_holder{spec};
  spec.first_id = 400000;
  auto two = fake_holder{spec};
  REQUIRE(
      set_up(one, stage_with(first_id), root_of(image, image.new_upper("one")))
      == "");
  REQUIRE(set_up(two, stage_with(400000),
                 root_of(image, image.new_upper("two"), 400000))
          == "");
  for (auto* holder : {&one, &two}) {
    auto found = holder->run_inside();
    CHECK(found["fresh"] == "ENOENT");
    CHECK(found["create"] == "ok");
    CHECK(found["owners"] == "0:0 0:0");
  }
  CHECK(image.snapshot() == before);
}

TEST_CASE("attach_root: a durable upper layer can be mounted again",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto root = root_of(image, image.new_upper("a"));
  root.overlay.writes = durability::durable;
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "known=" << outcome(::access("/kept", F_OK)) << '\n';
    out << "create=" << outcome(try_open("/kept", O_CREAT | O_WRONLY)) << '\n';
  };
  for (auto* known : {"ENOENT", "ok"}) {
    auto holder = fake_holder{spec};
    REQUIRE(set_up(holder, stage_with(first_id), root) == "");
    auto found = holder.run_inside();
    CHECK(found["known"] == known);
    CHECK(found["create"] == "ok");
  }
}

TEST_CASE("attach_root: a throw-away upper layer is refused the second time, "
          "with the reason",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto root = root_of(image, image.new_upper("a"));
  {
    auto holder = fake_holder{{}};
    REQUIRE(set_up(holder, stage_with(first_id), root) == "");
  }
  auto holder = fake_holder{{}};
  auto error = set_up(holder, stage_with(first_id), root);
  CHECK_THAT(error, Catch::Matchers::ContainsSubstring("EINVAL")
                        && Catch::Matchers::ContainsSubstring(
                            "mounted volatile before"));
  CHECK_THAT(error, !Catch::Matchers::ContainsSubstring("left mounts"));
}

TEST_CASE("attach_root: a root can be read-only, with an upper layer and "
          "without",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto before = image.snapshot();
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "create=" << outcome(try_open("/x", O_CREAT | O_WRONLY)) << '\n';
    out << "unlink=" << outcome(::unlink("/etc/passwd")) << '\n';
    out << "read=" << read_file("/etc/passwd");
    out << "proc=" << fs::exists("/proc/self/status") << '\n';
    out << "sys=" << fs::exists("/sys/class") << '\n';
    out << "dev=" << outcome(try_open("/dev/x", O_CREAT | O_WRONLY)) << '\n';
    out << "owner=" << owner_of("/") << '\n';
  };
  auto root = root_of(image, {});
  SECTION("with") {
    root = root_of(image, image.new_upper("a"));
    root.access = mount_access::read_only;
  }
  SECTION("without") {}
  auto holder = fake_holder{spec};
  REQUIRE(set_up(holder, stage_with(first_id), root) == "");
  auto found = holder.run_inside();
  CHECK(found["create"] == "EROFS");
  CHECK(found["unlink"] == "EROFS");
  CHECK(found["read"] == "etc/passwd");
  CHECK(found["proc"] == "1");
  CHECK(found["sys"] == "1");
  CHECK(found["dev"] == "ok");
  CHECK(found["owner"] == "0:0");
  CHECK(found["end"] == "reached");
  CHECK(image.snapshot() == before);
}

TEST_CASE("attach_root: binds are idmapped, made where missing, and stay in "
          "the root",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto volume = image.new_upper("volume");
  std::ofstream{volume / "file"} << "data";
  auto root = root_of(image, image.new_upper("a"));
  root.binds = {
      {volume, "/srv/deep/volume"},
      {volume, "/var/tmp/linked", mount_access::read_only},
      {volume / "file", "/etc/one"},
  };
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "owner=" << owner_of("/srv/deep/volume/file") << ' '
        << owner_of("/srv/deep") << '\n';
    out << "write="
        << outcome(try_open("/srv/deep/volume/new", O_CREAT | O_WRONLY))
        << '\n';
    out << "link=" << outcome(try_open("/tmp/linked/x", O_CREAT | O_WRONLY))
        << ' ' << fs::exists("/tmp/linked/file") << '\n';
    out << "file=" << read_file("/etc/one") << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(set_up(holder, stage_with(first_id), root) == "");
  auto found = holder.run_inside();
  CHECK(found["owner"] == "0:0 0:0");
  CHECK(found["write"] == "ok");
  CHECK(found["link"] == "EROFS 1");
  CHECK(found["file"] == "data");
  struct stat made = {};
  REQUIRE(::stat((volume / "new").c_str(), &made) == 0);
  CHECK(made.st_uid == 0);
  CHECK_FALSE(fs::exists("/tmp/linked"));
}

TEST_CASE("attach_root: no symlink of a volume leads a bind below it astray",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto volume = image.new_upper("volume");
  fs::create_directory_symlink("/etc", volume / "link");
  auto root = root_of(image, image.new_upper("a"));
  root.binds = {{volume, "/srv"}, {image.new_upper("b"), "/srv/link/x"}};
  auto holder = fake_holder{{}};
  CHECK_THAT(set_up(holder, stage_with(first_id), root),
             Catch::Matchers::ContainsSubstring("ELOOP")
                 && Catch::Matchers::ContainsSubstring("/srv/link"));
}

TEST_CASE("attach_root: a bind below another finds its place in that one",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto volume = image.new_upper("volume");
  fs::create_directories(volume / "deep/x");
  auto other = image.new_upper("b");
  std::ofstream{other / "file"} << "data";
  auto root = root_of(image, image.new_upper("a"));
  root.binds = {{volume, "/srv"}, {other, "/srv/deep/x"}};
  auto spec = holder_spec{};
  spec.inside = [](std::ostream& out) {
    out << "file=" << read_file("/srv/deep/x/file") << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(set_up(holder, stage_with(first_id), root) == "");
  CHECK(holder.run_inside()["file"] == "data");
}

TEST_CASE("attach_root: works without a user namespace",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto before = image.snapshot();
  auto spec = holder_spec{};
  spec.user_namespace = false;
  spec.inside = [](std::ostream& out) {
    out << "owner=" << owner_of("/etc/user") << '\n';
    out << "create=" << outcome(try_open("/x", O_CREAT | O_WRONLY)) << '\n';
    out << "mask=" << outcome(::chmod("/proc/keys", 0600)) << '\n';
  };
  auto holder = fake_holder{spec};
  REQUIRE(set_up(holder, stage_with(0), root_of(image, image.new_upper("a"), 0))
          == "");
  auto found = holder.run_inside();
  CHECK(found["owner"] == "1000:1000");
  CHECK(found["create"] == "ok");
  CHECK(found["mask"] == "EROFS");
  CHECK(image.snapshot() == before);
}

TEST_CASE("mount errors: name the step and the path, and leave nothing behind",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  auto before = image.snapshot();
  auto host_mounts = read_file("/proc/self/mountinfo");
  auto root = root_of(image, image.new_upper("a"));
  auto stage = stage_with(first_id);
  auto spec = holder_spec{};
  auto expected = std::string{};
  auto code = std::string{"ENOENT"};
  SECTION("a missing layer") {
    root.overlay.layers.emplace_back("/nonexistent/layer");
    expected = "open_tree /nonexistent/layer";
  }
  SECTION("a layer that is a file") {
    root.overlay.layers = {image.layer() / "etc/motd"};
    code = "ENOTDIR";
    expected = "layer/etc/motd";
  }
  SECTION("a missing upper directory") {
    root.overlay.upper_parent = "/nonexistent/upper";
    expected = "open upper layer /nonexistent/upper";
  }
  SECTION("a missing bind source") {
    root.binds = {{"/nonexistent/volume", "/srv"}};
    expected = "open_tree /nonexistent/volume";
  }
  SECTION("a bind target that climbs") {
    root.binds = {{"/tmp", "/srv/../../x"}};
    code = "EINVAL";
    expected = "bind to /srv/../../x";
  }
  SECTION("too many layers") {
    root.overlay.layers.assign(120, image.layer());
    code = "E2BIG";
    expected = "stack 120 image layers";
  }
  SECTION("a path outside of /proc and /sys") {
    stage.masked_paths = {"/etc/passwd"};
    code = "EINVAL";
    expected = "restrict /etc/passwd";
  }
  auto holder = fake_holder{spec};
  auto error = set_up(holder, stage, root);
  CHECK_THAT(error, Catch::Matchers::ContainsSubstring(expected)
                        && Catch::Matchers::ContainsSubstring(code));
  CHECK_THAT(error, !Catch::Matchers::ContainsSubstring("left mounts"));
  CHECK(image.snapshot() == before);
  CHECK(read_file("/proc/self/mountinfo") == host_mounts);
}

TEST_CASE("attach_root: an image cannot redirect /proc by a symlink or a file",
          "[kernel-iface][privileged]") {
  auto image = temp_image{};
  fs::remove(image.layer() / "proc");
  auto code = std::string{};
  SECTION("a symlink") {
    fs::create_directory_symlink("/tmp", image.layer() / "proc");
    code = "ELOOP";
  }
  SECTION("a file") {
    std::ofstream{image.layer() / "proc"} << "no";
    code = "ENOTDIR";
  }
  auto before = image.snapshot();
  auto holder = fake_holder{{}};
  auto error = set_up(holder, stage_with(first_id),
                      root_of(image, image.new_upper("a")));
  CHECK_THAT(error,
             Catch::Matchers::ContainsSubstring("mount point /proc")
                 && Catch::Matchers::ContainsSubstring(code)
                 && Catch::Matchers::ContainsSubstring("must be a directory"));
  CHECK(image.snapshot() == before);
}
