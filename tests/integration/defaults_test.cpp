// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Docker's fourteen, as /proc/PID/status prints a set.
constexpr auto* default_set = "00000000a80425fb";
constexpr auto* empty_set = "0000000000000000";

std::set<std::string> lines_of(const std::string& text) {
  std::istringstream in{text};
  std::set<std::string> out;
  for (std::string line; std::getline(in, line);)
    out.insert(line);
  return out;
}

std::string status_inside(instance& reeve, const std::string& container,
                          const config::process_spec& spec) {
  auto done = reeve.run_to_end(container, spec);
  INFO(done.err);
  REQUIRE(done.reason == exit_reason::exited(0));
  return done.out;
}

config::process_spec status_reader() {
  return instance::process("status", {"cat", "/proc/self/status"});
}

config::process_spec script(const std::string& text) {
  return instance::process("script", {"/bin/sh", "-c", text});
}

} // namespace

TEST_CASE("defaults: a process has Docker's fourteen capabilities at most",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto root = status_inside(reeve, "box", status_reader());
  for (const auto* name : {"CapBnd", "CapEff", "CapPrm"})
    CHECK(field_of(root, name) == default_set);
  for (const auto* name : {"CapInh", "CapAmb"})
    CHECK(field_of(root, name) == empty_set);
  CHECK(field_of(root, "NoNewPrivs") == "1");
  CHECK(field_of(root, "Seccomp") == "2");

  auto spec = status_reader();
  spec.user = "1000:1000";
  auto user = status_inside(reeve, "box", spec);
  CHECK(field_of(user, "CapBnd") == default_set);
  for (const auto* name : {"CapEff", "CapPrm", "CapInh", "CapAmb"})
    CHECK(field_of(user, name) == empty_set);
  CHECK(field_of(user, "NoNewPrivs") == "1");
  CHECK(field_of(user, "Seccomp") == "2");
  CHECK(field_of(user, "Uid") == "1000\t1000\t1000\t1000");
  CHECK(field_of(user, "Gid") == "1000\t1000\t1000\t1000");
}

TEST_CASE("defaults: capabilities are added and dropped as asked",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.cap_add = {"SYS_TIME", "CAP_SYS_PTRACE"};
  spec.cap_drop = {"NET_RAW", "MKNOD"};
  reeve.create(spec);
  auto root = status_inside(reeve, "box", status_reader());
  for (const auto* name : {"CapBnd", "CapEff", "CapPrm"})
    CHECK(field_of(root, name) == "00000000a20c05fb"); // + 19, 25, - 13, 27

  auto less = status_reader();
  less.capabilities = std::vector<std::string>{"CHOWN", "SYS_ADMIN"};
  auto few = status_inside(reeve, "box", less);
  for (const auto* name : {"CapBnd", "CapEff", "CapPrm"})
    CHECK(field_of(few, name) == "0000000000000001"); // not more than the box

  auto none = image.spec("none");
  none.cap_drop = {"ALL"};
  reeve.create(none);
  auto nothing = status_inside(reeve, "none", status_reader());
  for (const auto* name : {"CapBnd", "CapEff", "CapPrm"})
    CHECK(field_of(nothing, name) == empty_set);
  auto user = script("id -u");
  user.user = "ann"; // PID 1 can still change ids for others
  CHECK(reeve.run_to_end("none", user).out == "1000\n");
}

TEST_CASE("defaults: /dev holds what a program needs and no host device",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  CHECK(lines_of(reeve.shell("box", "ls -A /dev").out)
        == std::set<std::string>{"core", "fd", "full", "mqueue", "null", "ptmx",
                                 "pts", "random", "reeve-limits", "shm",
                                 "stderr", "stdin", "stdout", "tty", "urandom",
                                 "zero"});
  CHECK(reeve
            .shell("box", "cd /dev; stat -c '%n %F %t:%T %a %u:%g' null zero "
                          "full random urandom tty")
            .out
        == "null character special file 1:3 666 0:0\n"
           "zero character special file 1:5 666 0:0\n"
           "full character special file 1:7 666 0:0\n"
           "random character special file 1:8 666 0:0\n"
           "urandom character special file 1:9 666 0:0\n"
           "tty character special file 5:0 666 0:0\n");
  CHECK(reeve
            .shell("box", "echo x > /dev/null; head -c 3 /dev/zero | wc -c; "
                          "head -c 3 /dev/urandom | wc -c; ls /dev/pts; "
                          "echo x > /dev/shm/a; echo out > /dev/stdout")
            .out
        == "3\n3\nptmx\nout\n");
  auto nodes = answers(reeve.shell("box", "probe nodes").out);
  CHECK(nodes.size() == 7);
  for (const auto& [what, answer] : nodes) {
    INFO(what);
    CHECK(answer == "EPERM");
  }
}

TEST_CASE("defaults: no device node works with CAP_MKNOD on the host's users",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.namespaces.user.mode = config::namespace_mode::host;
  reeve.create(spec);
  auto nodes = answers(reeve.shell("box", "probe nodes").out);
  CHECK(nodes.size() == 7);
  for (const auto& [what, answer] : nodes) {
    INFO(what << " " << answer);
    CHECK((answer == "EPERM" || answer == "EACCES"));
  }
}

TEST_CASE("defaults: what tells about the host is masked",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto masked = 0;
  for (const auto& path : config::default_masked_paths()) {
    INFO(path);
    auto kind = reeve.shell("box", "stat -c '%F %t:%T' " + path).out;
    if (kind.empty()) {
      CHECK(::access(path.c_str(), F_OK) != 0); // this kernel has it not
      continue;
    }
    ++masked;
    auto is_directory = kind.starts_with("directory");
    if (is_directory)
      CHECK(reeve.shell("box", "ls -A " + path).out.empty());
    else
      CHECK(kind == "character special file 1:3\n");
    CHECK(reeve.shell("box", "cat " + path + " 2> /dev/null").out.empty());
  }
  CHECK(masked >= 4);
  CHECK(reeve.shell("box", "stat -c '%F %t:%T' /proc/keys").out
        == "character special file 1:3\n");
}

TEST_CASE("defaults: /proc/sys and /sys are read-only",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  for (const auto* path :
       {"/proc/sys/kernel/hostname", "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper", "/sys/class/net/lo/mtu"}) {
    auto done = answers(
        reeve.shell("box", std::string{"probe open "} + path + " w").out);
    auto answer = done[std::string{"open "} + path];
    INFO(path << ": " << answer);
    CHECK((answer == "EROFS" || answer == "EACCES" || answer == "ENOENT"));
  }
  auto mounts = reeve.shell("box", "cat /proc/self/mountinfo").out;
  for (const auto* place : {"/proc/sys", "/sys", "/sys/fs/cgroup"})
    CHECK(mounts.find(std::string{" "} + place + " ro,") != std::string::npos);
  // Its own, as it sees them.
  std::string groups = "/sys/fs/cgroup";
  auto limit =
      groups
      + (is_cgroup2() ? "/box/memory.max" : "/memory/memory.limit_in_bytes");
  if (!is_cgroup2())
    groups += "/memory";
  CHECK(reeve.shell("box", "cat " + limit).reason == exit_reason::exited(0));
  for (const auto& place : {std::string{"/sys/fs/cgroup"}, groups})
    CHECK(reeve.shell("box", "mkdir " + place + "/x").reason
          == exit_reason::exited(1));
  CHECK(reeve.shell("box", "probe open " + limit + " w").out.find(": OK")
        == std::string::npos);
}

TEST_CASE("defaults: system calls that reach the kernel's inside are refused",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  for (const auto* user : {"root", "ann"}) {
    auto spec = instance::process("calls", {"probe", "syscalls"});
    spec.user = user;
    auto tried = answers(reeve.run_to_end("box", spec).out);
    CHECK(tried.size() == 25);
    for (const auto& [what, answer] : tried) {
      INFO(user << ": " << what);
      CHECK(answer == "EPERM");
    }
  }
}

TEST_CASE("defaults: a container sees its own processes, mounts and network",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto peer = reeve.run("box", instance::sleeper("peer"));
  // PID 1, the peer and the shell itself.
  CHECK(reeve
            .shell("box", "set -- /proc/[0-9]*; echo $#; test -d /proc/1 && "
                          "test -d /proc/"
                              + std::to_string(peer.ns_pid))
            .out
        == "3\n");
  CHECK(reeve.shell("box", "cat /proc/1/comm").out == "reeve-holder\n");

  auto mounts = reeve.shell("box", "cat /proc/self/mountinfo").out;
  INFO(mounts);
  CHECK(mounts.find(reeve.root()) == std::string::npos);
  CHECK(mounts.find(image.path().string()) == std::string::npos);
  CHECK(mounts.find("/tmp/reeve") == std::string::npos);
  CHECK(mounts.find(" / / ") != std::string::npos);
  std::istringstream in{mounts};
  std::set<std::string> kinds;
  for (std::string line; std::getline(in, line);) {
    CHECK(line.find("shared:") == std::string::npos);
    CHECK(line.find("master:") == std::string::npos);
    auto kind = line.substr(line.find(" - ") + 3);
    kinds.insert(kind.substr(0, kind.find(' ')));
  }
  for (const auto& kind : kinds)
    CHECK(std::set<std::string>{"overlay", "proc", "sysfs", "tmpfs", "cgroup",
                                "cgroup2", "devpts", "mqueue", "devtmpfs"}
              .count(kind)
          == 1);

  CHECK(reeve.shell("box", "ls /sys/class/net").out == "lo\n");
  CHECK(reeve.shell("box", "cat /sys/class/net/lo/flags").out == "0x9\n");
  CHECK(reeve.shell("box", "grep -c : /proc/net/dev").out == "1\n");
}

TEST_CASE("defaults: the container's PID 1 takes no signal from inside",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.ask<container_details>(get_container{"box"}).info.pid;
  for (auto signo : {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGCHLD, SIGHUP})
    reeve.shell("box", "probe kill 1 " + std::to_string(signo));
  CHECK(reeve.shell("box", "echo here").out == "here\n");
  auto info = reeve.ask<container_details>(get_container{"box"}).info;
  CHECK(info.pid == pid);
  CHECK(info.phase == container_phase::running);
  auto user = instance::process("user", {"probe", "kill", "1", "9"});
  user.user = "ann";
  CHECK(reeve.run_to_end("box", user).out == "kill: EPERM\n");
  // Everybody: even that leaves PID 1 and the answer comes.
  auto all = reeve.run_to_end("box", script("kill -9 -1; echo lived"));
  CHECK(reeve.shell("box", "echo here").out == "here\n");
}

TEST_CASE("defaults: users come from the container's own /etc/passwd",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto as = [&](const std::string& user, std::vector<std::string> groups) {
    auto spec = script("id -u; id -g; id -G; echo $HOME");
    spec.user = user;
    spec.groups = std::move(groups);
    return reeve.run_to_end("box", spec).out;
  };
  CHECK(as("root", {}) == "0\n0\n0 29 60\n/root\n");
  CHECK(as("1000:1000", {}) == "1000\n1000\n1000 29 44\n/home/ann\n");
  CHECK(as("ann", {}) == "1000\n1001\n1001 29 44\n/home/ann\n");
  CHECK(as("ann:games", {"7"}) == "1000\n60\n60 7 29 44\n/home/ann\n");
  CHECK(as("4321", {"video", "7"}) == "4321\n0\n0 7 44\n/\n");
  auto refused = [&](const std::string& user) {
    auto spec = script("true");
    spec.user = user;
    return reeve.refusal<process_started>(run_process{0, "box", spec, false});
  };
  CHECK(refused("bob").find("bob") != std::string::npos);
  CHECK(refused("ann:none").find("none") != std::string::npos);
  // Beyond the container's ids: refused, never a user of the host.
  CHECK(refused("70000").find("70000") != std::string::npos);
  CHECK(refused("0:70000").find("70000") != std::string::npos);
}

TEST_CASE("defaults: directory, umask, rlimits and environment are as asked",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto plain = reeve.run_to_end("box", script("pwd; umask; env | sort"));
  CHECK(plain.out
        == "/\n0022\nHOME=/root\nPATH=/usr/local/sbin:/usr/local/bin:"
           "/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nSHLVL=1\n");
  auto spec = script("pwd; umask; ulimit -n; ulimit -Hn; ulimit -c; "
                     "echo $A-$B-$PATH");
  spec.cwd = "/home/ann";
  spec.umask = 027;
  spec.rlimits["nofile"] = {100, 200};
  spec.rlimits["core"] = {0, 0};
  spec.env = {"A=1", "B=two words", "PATH=/bin"};
  CHECK(reeve.run_to_end("box", spec).out
        == "/home/ann\n0027\n100\n200\n0\n1-two words-/bin\n");

  auto refused = [&](const std::string& cwd, const std::string& user) {
    auto lost = script("true");
    lost.cwd = cwd;
    lost.user = user;
    auto why =
        reeve.refusal<process_started>(run_process{0, "box", lost, false});
    INFO(why);
    CHECK(why.find(cwd) != std::string::npos);
    return why;
  };
  CHECK(refused("/none", "root").find("ENOENT") != std::string::npos);
  CHECK(refused("/etc/passwd", "root").find("ENOTDIR") != std::string::npos);
  REQUIRE(reeve.shell("box", "chmod 700 /root").reason
          == exit_reason::exited(0));
  CHECK(refused("/root", "ann").find("EACCES") != std::string::npos);
  CHECK(reeve.ask<container_details>(get_container{"box"}).processes.empty());
}

TEST_CASE("defaults: oom_score_adj is that of the process and its children",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto spec = script("cat /proc/self/oom_score_adj");
  auto usual = reeve.run_to_end("box", spec).out;
  spec.oom_score_adj = 500;
  CHECK(reeve.run_to_end("box", spec).out == "500\n");
  spec.oom_score_adj.reset();
  CHECK(reeve.run_to_end("box", spec).out == usual);
}

TEST_CASE("defaults: seccomp unconfined is without a filter, not without ids",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.seccomp = config::seccomp_profile::unconfined;
  reeve.create(spec);
  auto status = status_inside(reeve, "box", status_reader());
  CHECK(field_of(status, "Seccomp") == "0");
  CHECK(field_of(status, "NoNewPrivs") == "1");
  CHECK(field_of(status, "CapEff") == default_set);
  auto tried = answers(reeve.shell("box", "probe syscalls").out);
  for (const auto* what :
       {"mount tmpfs", "mount proc", "mount bind", "remount /", "umount /proc",
        "umount /proc/keys", "unshare mount", "reboot"}) {
    INFO(what);
    CHECK(tried[what] == "EPERM");
  }
}

TEST_CASE("defaults: a container has a session keyring of its own",
          "[integration][defaults]") {
  if (!is_root())
    return;
  // That of the daemon, if it had one: all its threads come after this.
  auto mine = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  REQUIRE(mine > 0);
  probe_image image;
  instance reeve;
  std::set<std::string> seen{std::to_string(mine)};
  for (const auto* name : {"one", "two", "host"}) {
    INFO(name);
    auto spec = image.spec(name);
    spec.seccomp = config::seccomp_profile::unconfined;
    if (spec.name == "host")
      spec.namespaces.user.mode = config::namespace_mode::host;
    reeve.create(spec);
    auto id = answers(reeve.shell(name, "probe keyring").out)["keyring"];
    CHECK(std::atol(id.c_str()) > 0);
    CHECK(seen.insert(id).second);
  }
}

TEST_CASE("defaults: a privileged container is as good as the host's root",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.privileged = true;
  reeve.create(spec);
  auto status = status_inside(reeve, "box", status_reader());
  CHECK(field_of(status, "Seccomp") == "0");
  // All that the daemon has itself, which may be less than the kernel knows.
  auto own = field_of(read_host_file("/proc/self/status"), "CapPrm");
  for (const auto* name : {"CapBnd", "CapEff", "CapPrm"})
    CHECK(field_of(status, name) == own);
  auto pid = reeve.run("box", instance::sleeper("p")).pid;
  CHECK(read_host_file("/proc/" + std::to_string(pid) + "/uid_map")
        == read_host_file("/proc/self/uid_map"));
  CHECK(reeve.shell("box", "mount -t tmpfs x /tmp && echo mounted").out
        == "mounted\n");
  CHECK(reeve.shell("box", "probe open /proc/sys/net/ipv4/ip_forward w").out
        == "open /proc/sys/net/ipv4/ip_forward: OK\n");
  // Still a container.
  CHECK(reeve.shell("box", "cat /proc/1/comm").out == "reeve-holder\n");
  CHECK(reeve.shell("box", "ls /sys/class/net").out == "lo\n");
}

TEST_CASE("defaults: limits in force are those of the kernel",
          "[integration][defaults]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 64U << 20U;
  spec.limits.cpus = 0.5;
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("p")).pid;
  std::map<std::string, std::string> seen;
  for (const auto& item :
       reeve.ask<limits_in_force>(get_limits{"box", {}}).limits)
    seen[item.key] = item.value;
  CHECK(seen["memory.limit"]
        == config::to_text(spec.limits, "memory.limit").value());
  CHECK(seen["cpu.limit"] == "0.5");
  CHECK(seen["pids.limit"] == "2048");
  CHECK(seen["cpu.weight"] == "100");
  CHECK(kernel_limit(pid, "memory.limit") == 64U << 20U);
  CHECK(kernel_limit(pid, "cpu.limit") == 500);
  CHECK(kernel_limit(pid, "pids.limit") == 2048);
  auto one = reeve.details_of("box").info.pid;
  INFO(read_host_file("/proc/" + std::to_string(one) + "/cgroup"));
  CHECK(is_outside_limits(one));
}
