// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What others were broken out of, tried on us.

#include "tests/integration/output_so_far.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"

#include <caf/send.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace fs = std::filesystem;

namespace {

config::container_spec unfiltered(const probe_image& image,
                                  std::vector<std::string> add) {
  auto spec = image.spec("box");
  spec.seccomp = config::seccomp_profile::unconfined;
  spec.cap_add = std::move(add);
  return spec;
}

void all_refused(const std::map<std::string, std::string>& tried,
                 std::size_t least) {
  CHECK(tried.size() >= least);
  for (const auto& [what, answer] : tried) {
    INFO(what << ": " << answer);
    CHECK((answer == "EPERM" || answer == "EACCES"));
  }
}

std::pair<dev_t, ino_t> file_at(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return {st.st_dev, st.st_ino};
}

pid_t pid_one_of(instance& reeve, const std::string& name) {
  return reeve.ask<container_details>(get_container{name}).info.pid;
}

} // namespace

TEST_CASE("escape: PID 1's memory, files and descriptors are out of reach",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  SECTION("by default") {
    reeve.create(image.spec("box"));
  }
  SECTION("with CAP_SYS_PTRACE") {
    auto spec = image.spec("box");
    spec.cap_add = {"SYS_PTRACE"};
    reeve.create(spec);
  }
  SECTION("with all capabilities and no filter") {
    reeve.create(unfiltered(image, {"ALL"}));
  }
  for (const auto* user : {"root", "ann"}) {
    INFO(user);
    auto spec = instance::process("attack", {"probe", "attack", "1"});
    spec.user = user;
    auto done = reeve.run_to_end("box", spec);
    CHECK(done.reason == exit_reason::exited(0));
    all_refused(answers(done.out), 30);
  }
  // The probe does find what is open: its own kind.
  auto peer = reeve.run("box", instance::sleeper("p"));
  auto own = answers(
      reeve.shell("box", "probe attack " + std::to_string(peer.ns_pid)).out);
  CHECK(own["open exe"] == "OK");
  CHECK(own["open root"] == "OK");
}

// A FIFO for /etc/passwd holds the child where it looks up its user: forked
// from PID 1, with PID 1's memory, in the container.
TEST_CASE("escape: nor is the child between fork and exec",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  SECTION("by default") {
    reeve.create(image.spec("box"));
  }
  SECTION("with all capabilities and no filter") {
    reeve.create(unfiltered(image, {"ALL"}));
  }
  auto shell = instance::process("shell", {"/bin/sh"});
  shell.stdin_open = true;
  reeve.run("box", shell);
  auto ask = [&](const std::string& line) {
    reeve.ask<process_is>(write_input{"box", "shell", line + "\n", false});
  };
  ask("rm /etc/passwd; mkfifo /etc/passwd; echo armed");
  eventually("the trap is set", [&] {
    return output_so_far(reeve, "box", "shell").starts_with("armed\n");
  });
  auto spec = instance::process("victim", {"true"});
  spec.user = "0"; // needs no line in the file to start after all
  caf::scoped_actor victim{reeve.system()};
  auto pending = victim->request(reeve.api(), std::chrono::seconds{30},
                                 run_process{0, "box", spec, false});
  ask("until probe newborn > /tmp/seen; do :; done; cat /tmp/seen; "
      "echo > /etc/passwd; echo over");
  eventually("the attack is over", [&] {
    auto seen = output_so_far(reeve, "box", "shell");
    return seen.find("over\n") != std::string::npos;
  });
  auto tried = answers(output_so_far(reeve, "box", "shell"));
  REQUIRE(tried["newborn"] == "found");
  tried.erase("newborn");
  all_refused(tried, 30);
  auto started = false;
  std::string problem;
  pending.receive([&](const process_started&) { started = true; },
                  [&](const caf::error& err) { problem = to_string(err); });
  INFO(problem);
  CHECK(started);
}

// CVE-2019-5736: a program that is a link to /proc/self/exe makes the runtime
// execute itself inside; then its binary can be written through /proc/PID/exe.
TEST_CASE("escape: the host's binary cannot be reached through /proc/PID/exe",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  fs::create_symlink("/proc/self/exe", image.path() / "bin/evil");
  std::ofstream{image.path() / "bin/script"} << "#!/proc/self/exe\n";
  fs::permissions(image.path() / "bin/script", fs::perms{0755});
  instance reeve;
  auto spec = image.spec("box");
  SECTION("in the container's own users") {}
  SECTION("in the host's users") {
    spec.namespaces.user.mode = config::namespace_mode::host;
  }
  SECTION("privileged") {
    spec.privileged = true;
  }
  reeve.create(spec);
  const auto binary = *reeve.config().holder_path;
  const auto before = describe_file(binary);
  auto holder = "/proc/" + std::to_string(pid_one_of(reeve, "box")) + "/exe";
  CHECK(file_at(holder) != file_at(binary));

  for (const auto* program : {"/bin/evil", "/bin/script"}) {
    INFO(program);
    // A full pipe for stderr keeps it from ending after its usage text.
    std::array<int, 2> full{};
    REQUIRE(::pipe2(full.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    auto reads = kernel::unique_fd::adopt(full[0]);
    auto writes =
        std::make_shared<kernel::unique_fd>(kernel::unique_fd::adopt(full[1]));
    while (::write(writes->get(), "x", 1) == 1)
      ;
    REQUIRE(::fcntl(writes->get(), F_SETFL, 0) == 0);
    auto null = std::make_shared<kernel::unique_fd>(
        kernel::unique_fd::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    run_process_with_stdio order;
    order.run = {0, "box", instance::process("evil", {program}), false};
    order.stdio = {null, null, writes};
    auto evil = reeve.ask<process_started>(order);
    auto target = "/proc/" + std::to_string(evil.pid) + "/exe";
    CHECK(file_at(target) == file_at(holder)); // the trick itself works
    auto tried =
        answers(reeve
                    .shell("box", "probe overwrite /proc/"
                                      + std::to_string(evil.ns_pid) + "/exe")
                    .out);
    CHECK(tried.size() >= 2);
    for (const auto* what : {"open for writing", "reopen for writing"})
      CHECK(tried[what] != "OK");
    reads.reset();
    order = {};
    writes.reset();
    reeve.wait("box", "evil");
    reeve.ask<process_is>(remove_process{"box", "evil"});
  }
  CHECK(describe_file(binary) == before);
  CHECK(reeve.shell("box", "echo here").out == "here\n");
}

// CVE-2021-30465 and its kind: mount targets that lead elsewhere.
TEST_CASE("escape: an image whose mount points are links is refused",
          "[integration][escape]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    for (const auto* name : {"proc", "sys", "dev"})
      for (const auto* target :
           {"/etc", "../../../../tmp", "/", "etc/passwd"}) {
        INFO(name << " -> " << target);
        probe_image image;
        fs::remove(image.path() / name);
        fs::create_symlink(target, image.path() / name);
        auto host = describe_tree(image.path());
        instance reeve;
        auto why = reeve.refusal<container_created>(
            create_container{0, image.spec("box"), false});
        INFO(why);
        CHECK(why.find(std::string{"/"} + name) != std::string::npos);
        CHECK(why.find("directory") != std::string::npos);
        CHECK(describe_tree(image.path()) == host);
        reeve.refusal<container_details>(get_container{"box"});
      }
    probe_image image;
    fs::remove(image.path() / "proc");
    std::ofstream{image.path() / "proc"} << "file\n";
    instance reeve;
    auto why = reeve.refusal<container_created>(
        create_container{0, image.spec("box"), false});
    CHECK(why.find("/proc") != std::string::npos);
  }
  CHECK(leaked_since(before).empty());
}

// CVE-2024-21626: a path that begins at a descriptor of the host's.
TEST_CASE("escape: no descriptor of the host's leads out",
          "[integration][escape]") {
  if (!is_root())
    return;
  constexpr auto last_fd = 40;
  probe_image image;
  auto way_out = [](int fd) {
    return "/proc/self/fd/" + std::to_string(fd)
           + "/../../../../../../../../bin/bash";
  };
  REQUIRE(fs::exists("/bin/bash")); // of the host: the image has none
  for (auto fd = 3; fd <= last_fd; ++fd) {
    auto number = std::to_string(fd);
    fs::create_symlink(way_out(fd), image.path() / ("bin/link" + number));
    auto script = image.path() / ("bin/script" + number);
    std::ofstream{script} << "#!" << way_out(fd) << "\n";
    fs::permissions(script, fs::perms{0755});
  }
  instance reeve;
  SECTION("by default") {
    reeve.create(image.spec("box"));
  }
  SECTION("in the host's users") {
    auto spec = image.spec("box");
    spec.namespaces.user.mode = config::namespace_mode::host;
    reeve.create(spec);
  }
  reeve.run("box", instance::sleeper("peer"));
  auto open =
      reeve.run_to_end("box", instance::process("fds", {"probe", "fds"}));
  CHECK(open.out.starts_with("0 /dev/null\n1 pipe:["));
  CHECK(std::count(open.out.begin(), open.out.end(), '\n') == 3);

  auto refused = [&](const config::process_spec& spec, const std::string& by) {
    INFO(spec.argv[0] << " in " << spec.cwd);
    auto why =
        reeve.refusal<process_started>(run_process{0, "box", spec, false});
    CHECK(why.find(by) != std::string::npos);
  };
  std::vector<std::string> places{"/proc/1/cwd", "/proc/1/root"};
  for (auto fd = 0; fd <= last_fd; ++fd) {
    places.push_back("/proc/self/fd/" + std::to_string(fd));
    places.push_back("/proc/1/fd/" + std::to_string(fd));
  }
  for (const auto& place : places) {
    auto spec = instance::process("cwd", {"/bin/pwd"});
    spec.cwd = place;
    refused(spec, place);
  }
  for (auto fd = 3; fd <= last_fd; ++fd)
    for (const auto& program : {way_out(fd), "link" + std::to_string(fd),
                                "/bin/script" + std::to_string(fd)})
      refused(instance::process("out", {program}), program);
}

TEST_CASE("escape: PID 1 holds nothing of the host's",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  SECTION("by default") {}
  SECTION("in the host's users") {
    spec.namespaces.user.mode = config::namespace_mode::host;
  }
  SECTION("in the host's cgroups") {
    spec.namespaces.cgroup.mode = config::namespace_mode::host;
  }
  reeve.create(spec);
  reeve.run("box", instance::sleeper("peer"));
  auto one = "/proc/" + std::to_string(pid_one_of(reeve, "box"));
  auto count = 0;
  for (const auto& item : fs::directory_iterator{one + "/fd"}) {
    std::error_code err;
    auto to = fs::read_symlink(item.path(), err).string();
    struct stat st {};
    if (err || ::stat(item.path().c_str(), &st) != 0)
      continue; // closed meanwhile
    INFO(item.path() << " -> " << to);
    CHECK_FALSE(S_ISDIR(st.st_mode));
    CHECK_FALSE(S_ISREG(st.st_mode) != to.ends_with("/oom_score_adj"));
    CHECK((to == "/dev/null" || to.starts_with("socket:[")
           || to.starts_with("pipe:[") || to == "anon_inode:[signalfd]"
           || to == "anon_inode:[pidfd]" || to == "/listener (deleted)"
           || to.ends_with("/oom_score_adj")));
    ++count;
  }
  CHECK(count <= 14);
  for (const auto* place : {"/cwd", "/root"}) {
    CHECK(file_at(one + place + "/.") == file_at(one + "/root/."));
    CHECK(file_at(one + place + "/.") != file_at("/"));
    CHECK(file_at(one + place + "/bin/probe").second
          == file_at(one + "/root/bin/probe").second);
  }
}

// CVE-2025-31133: /dev/null of the container is the mask.
TEST_CASE("escape: masks do not come from the container's /dev/null",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  fs::create_symlink("/proc/sys/kernel/core_pattern",
                     image.path() / "dev/null");
  instance reeve;
  reeve.create(image.spec("box"));
  auto masked = [&] {
    return reeve
        .shell("box", "stat -c '%F %t:%T' /proc/keys /proc/timer_list; "
                      "cat /proc/keys /proc/timer_list")
        .out;
  };
  const std::string expected = "character special file 1:3\n"
                               "character special file 1:3\n";
  CHECK(masked() == expected);
  REQUIRE(reeve
              .shell("box", "rm /dev/null; "
                            "ln -s /proc/sys/kernel/core_pattern /dev/null")
              .reason
          == exit_reason::exited(0));
  CHECK(masked() == expected);
  // A new process gets the /dev/null from before anything of the box ran.
  auto spec = instance::process(
      "null", {"sh", "-c", "[ $(stat -L -c %t:%T /proc/self/fd/0) = 1:3 ]"});
  spec.stdio = config::stdio_mode::null;
  reeve.run("box", spec);
  CHECK(reeve.wait("box", "null").last == exit_reason::exited(0));
  reeve.ask<container_is>(stop_container{"box", 0});
  reeve.ask<container_is>(start_container{"box"});
  CHECK(masked() == expected);
  CHECK(reeve.shell("box", "stat -c '%F %t:%T' /dev/null").out
        == "character special file 1:3\n");
}

TEST_CASE("escape: the control socket cannot be reached from inside",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  SECTION("by default") {
    reeve.create(image.spec("box"));
  }
  SECTION("with all capabilities and no filter") {
    reeve.create(unfiltered(image, {"ALL"}));
  }
  for (const auto* path : {"/proc/1/fd/9", "/proc/1/root/listener"})
    CHECK(reeve.shell("box", std::string{"probe connect "} + path).out
          == std::string{"connect "} + path + ": EACCES\n");
  for (const auto* path : {"/listener", "/dev/.reeve/holder.sock"})
    CHECK(reeve.shell("box", std::string{"probe connect "} + path).out
          == std::string{"connect "} + path + ": ENOENT\n");
}

TEST_CASE("escape: where root inside is root outside, PID 1 admits nobody "
          "from inside",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.namespaces.user.mode = config::namespace_mode::host;
  SECTION("with pids of its own") {}
  SECTION("with the host's pids, where a daemon looks like a neighbour") {
    spec.namespaces.pid.mode = config::namespace_mode::host;
  }
  reeve.create(spec);
  // While no daemon is there to hold the only seat. The parent is PID 1.
  auto knock = instance::process(
      "knock", {"sh", "-c",
                "while true; do for to in /proc/$PPID/fd/9 /listener "
                "/proc/$PPID/root/listener /dev/.reeve/holder.sock; do "
                "probe connect $to; done; done > /tmp/knocks"});
  reeve.run("box", knock);
  auto knocks = [&] { return reeve.shell("box", "cat /tmp/knocks").out; };
  eventually("it knocks", [&] { return knocks().size() > 1000; });
  auto pid = pid_one_of(reeve, "box");
  reeve.go_down();
  auto file = "/proc/" + std::to_string(pid) + "/root/tmp/knocks";
  auto before = fs::file_size(file);
  eventually("it knocks on",
             [&] { return fs::file_size(file) > before + 2000; });
  reeve.come_up();
  CHECK(pid_one_of(reeve, "box") == pid);
  auto answered = answers(knocks());
  CHECK(answered.size() >= 4);
  for (const auto& [what, answer] : answered) {
    INFO(what << ": " << answer);
    CHECK((answer == "EACCES" || answer == "ENOENT"));
  }
  CHECK(reeve.shell("box", "grep -c OK /tmp/knocks").out == "0\n");
  CHECK(reeve.shell("box", "echo here").out == "here\n");
}

TEST_CASE("escape: a mount namespace of one's own lifts no mask and no "
          "read-only mount",
          "[integration][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = unfiltered(image, {"SYS_ADMIN"});
  SECTION("with a writable root") {
    reeve.create(spec);
  }
  SECTION("with a read-only root") {
    spec.readonly_root = true;
    reeve.create(spec);
  }
  std::vector<std::string> argv{"probe", "lift"};
  for (const auto& path : config::default_masked_paths())
    if (reeve.shell("box", "test -e " + path).reason == exit_reason::exited(0))
      argv.push_back(path);
  CHECK(argv.size() > 5);
  argv.insert(argv.end(), {"--", "/proc/sys", "/sys", "/sys/fs/cgroup"});
  if (spec.readonly_root)
    argv.emplace_back("/");
  auto tried =
      answers(reeve.run_to_end("box", instance::process("lift", argv)).out);
  REQUIRE(tried["unshare mount"] == "OK"); // allowed, and of no use
  tried.erase("unshare mount");
  CHECK(tried.size() > 15);
  for (const auto& [what, answer] : tried) {
    INFO(what << ": " << answer);
    CHECK((answer == "EPERM" || answer == "EINVAL" || answer == "EACCES"
           || answer == "EBUSY"));
  }
}
