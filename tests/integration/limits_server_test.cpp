// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a process in a container is told of its limits, over the container's own
// socket, by the C library of job-iface/ and its command.

#include "actors/failure.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using kernel::unique_fd;

namespace {

config::process_spec limits(const std::string& id,
                            std::vector<std::string> words) {
  words.insert(words.begin(), "reeve-limits");
  return instance::process(id, std::move(words));
}

/// What it prints, as long as it goes on.
void expect_output(instance& reeve, const std::string& process,
                   const std::string& text) {
  read_output query;
  query.container = "box";
  query.process = process;
  output_chunk now; // a supervisor that has failed answers a moment later
  eventually(
      "it is told",
      [&] {
        return reeve.complaint<output_chunk>(query, &now).empty()
               && now.bytes == text;
      },
      [&] { return now.bytes; });
}

std::string limits_of_test(pid_t pid) {
  return file_above_all(
      limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max"));
}

/// From the host, through the root of that process.
unique_fd connect_from_outside(pid_t pid) {
  auto fd =
      unique_fd::adopt(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::snprintf(to.sun_path, sizeof(to.sun_path),
                "/proc/%d/root/dev/reeve-limits", pid);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to))
          == 0);
  return fd;
}

bool is_hung_up_on(const unique_fd& fd) {
  char answer[4096];
  return ::recv(fd.get(), answer, sizeof(answer), 0) == 0;
}

} // namespace

TEST_CASE("limits server: a process is told what limits it from out of sight",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  set(reeve, "box", {{"memory.limit", "512M"}, {"pids.limit", "77"}});
  std::ofstream{limits_of_test(pid)} << 96 * mib;
  auto one = reeve.run_to_end("box", limits("memory", {"memory"}));
  CHECK(one.err.empty());
  CHECK(one.out == std::to_string(96 * mib) + "\n");
  // What the container can see by itself is another value.
  auto seen = reeve.shell(
      "box", is_cgroup2() ? "cat /sys/fs/cgroup/box/memory.max"
                          : "cat /sys/fs/cgroup/memory/memory.limit_in_bytes");
  CHECK(seen.out == std::to_string(512 * mib) + "\n");

  auto limited = limits("all", {"-a"});
  limited.rlimits = {{"nofile", {50, 60}}};
  limited.user = "1000:1000"; // whoever it is
  auto all = reeve.run_to_end("box", limited);
  CHECK(all.reason == exit_reason::exited(0));
  // Names of the host are none of its business.
  auto above = is_cgroup2() ? "/../memory.max" : "/../memory.limit_in_bytes";
  auto own = is_cgroup2() ? "/box/pids.max" : "/pids.max";
  CHECK_THAT(all.out,
             ContainsSubstring(std::string{" 100663296 "} + above + "\n"));
  CHECK_THAT(all.out, ContainsSubstring(std::string{" 77 "} + own + "\n"));
  CHECK_THAT(all.out, ContainsSubstring(" 50 RLIMIT_NOFILE\n"));
  CHECK_THAT(all.out, ContainsSubstring(" 60 RLIMIT_NOFILE\n"));
  CHECK_THAT(all.out, !ContainsSubstring("reeve-"));
  CHECK_THAT(all.out, !ContainsSubstring("/sys/fs/cgroup"));
}

TEST_CASE("limits server: whoever watches is told of each change",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 512 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", limits("memory", {"-f", "memory"})).pid;
  reeve.run("box", limits("files", {"-f", "rlimit.nofile", "-s"}));
  auto told = std::to_string(512 * mib) + "\n";
  expect_output(reeve, "memory", told);
  expect_output(reeve, "files", "1024\n");
  set(reeve, "box", {{"memory.limit", "256M"}, {"rlimit.nofile", "100:200"}});
  told += std::to_string(256 * mib) + "\n";
  expect_output(reeve, "memory", told);
  expect_output(reeve, "files", "1024\n100\n");
  // Not by Reeve, and not of the container's own group.
  std::ofstream{limits_of_test(pid)} << 96 * mib;
  told += std::to_string(96 * mib) + "\n";
  expect_output(reeve, "memory", told);
  // Whoever asks from outside waits for it, too.
  auto now = reeve.ask<effective_limits>(get_effective_limits{"box", "memory"});
  std::ofstream{limits_of_test(pid)} << 64 * mib;
  auto then = reeve.ask<effective_limits>(
      get_effective_limits{"box", "memory", now.limits, 50'000});
  CHECK(then.limits != now.limits);
  told += std::to_string(64 * mib) + "\n";
  expect_output(reeve, "memory", told);
  // Nothing has changed: it is told so at the end of its patience.
  auto same = reeve.ask<effective_limits>(
      get_effective_limits{"box", "memory", then.limits, 10});
  CHECK(same.limits == then.limits);
}

TEST_CASE("limits server: outlives the daemon, without which a process reads "
          "what it can see",
          "[integration][limits][limits-server][adoption]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 128 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", limits("follower", {"-f", "memory"})).pid;
  reeve.run("box", instance::process("asker",
                                     {"sh", "-c",
                                      "until [ -e /ask ]; do sleep 0.05; done; "
                                      "reeve-limits > /answer; touch /done"}));
  auto told = std::to_string(128 * mib) + "\n";
  expect_output(reeve, "follower", told);
  std::ofstream{limits_of_test(pid)} << 64 * mib;
  told += std::to_string(64 * mib) + "\n";
  expect_output(reeve, "follower", told);

  reeve.go_down();
  auto root = std::filesystem::path{"/proc"} / std::to_string(pid) / "root";
  std::ofstream{root / "ask"};
  eventually("it has an answer",
             [&] { return std::filesystem::exists(root / "done"); });
  auto answer = read_file((root / "answer").string());
  CHECK_THAT(answer, ContainsSubstring("~           134217728 /sys/fs/cgroup"));
  std::ofstream{limits_of_test(pid)} << 32 * mib;
  reeve.come_up();
  told += std::to_string(32 * mib) + "\n";
  expect_output(reeve, "follower", told);
  CHECK(reeve.run_to_end("box", limits("again", {"memory"})).out
        == std::to_string(32 * mib) + "\n");
}

TEST_CASE("limits server: may fail, and another one tells",
          "[integration][limits][limits-server][failure]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 128 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", limits("follower", {"-f", "memory"})).pid;
  auto told = std::to_string(128 * mib) + "\n";
  expect_output(reeve, "follower", told);
  for (auto nth : {1U, 2U, 3U}) {
    INFO("message " << nth);
    actors::arm_fault("limits_server", nth);
    eventually("it has failed", [] { return actors::fault_has_happened(); });
    actors::arm_fault("", 0);
    auto limit = (100 + nth) * mib;
    eventually("it is set", [&] {
      return reeve
          .complaint<limits_in_force>(
              set_limits{"box", {{"memory.limit", std::to_string(limit)}}})
          .empty();
    });
    told += std::to_string(limit) + "\n";
    expect_output(reeve, "follower", told);
  }
  CHECK(is_alive(pid));
}

TEST_CASE("limits server: answers so many times in a second and no more",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto asked = reeve.run_to_end(
      "box", instance::process("ask", {"probe", "limits", "ask", "70"}));
  CHECK(asked.reason == exit_reason::exited(0));
  CHECK(std::stol(asked.out) >= 1900); // fifty at once, then ten in a second
  // Nor does it help to come again and again: as many are let in at once as
  // wait in the queue, and then a hundred in a second.
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  auto begin = std::chrono::steady_clock::now();
  for (auto i = 0; i < 300; ++i)
    connect_from_outside(pid);
  CHECK(std::chrono::steady_clock::now() - begin
        >= std::chrono::milliseconds{1500});
}

TEST_CASE("limits server: a crowd of callers takes no more than its share, and "
          "shuts nobody out",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  reeve.create("beside");
  auto crowd = reeve.run(
      "box", instance::process("crowd", {"probe", "limits", "crowd", "30"}));
  eventually("they are there",
             [&] { return output_so_far(reeve, "box", "crowd") == "there\n"; });
  auto before = open_files_of(::getpid()).size();
  std::vector<unique_fd> callers;
  for (auto i = 0; i < 150; ++i)
    callers.push_back(connect_from_outside(crowd.pid));
  // The others are asked as before.
  set(reeve, "box", {{"pids.limit", "99"}});
  CHECK(reeve.shell("beside", "echo well").out == "well\n");
  eventually("the first ones are hung up on", [&] {
    pollfd first{callers.front().get(), POLLIN, 0};
    return ::poll(&first, 1, 0) == 1;
  });
  CHECK(open_files_of(::getpid()).size() < before + 150 + 40);
  callers.clear();
  // With patience, since the crowd waits for its answers, too.
  auto last = limits("last", {"-f", "pids"});
  reeve.run("box", last);
  eventually(
      "it is told",
      [&] { return output_so_far(reeve, "box", "last") == "99\n"; },
      [&] { return output_so_far(reeve, "box", "last"); },
      std::chrono::seconds{30});
}

TEST_CASE("limits server: so many watch, others ask again, and nobody is "
          "driven away by them",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  reeve.run("box",
            instance::process("crowd", {"probe", "limits", "watch", "30"}));
  eventually("they have been told",
             [&] { return !output_so_far(reeve, "box", "crowd").empty(); });
  CHECK(output_so_far(reeve, "box", "crowd") == "told 30, left 6, kept 24\n");
  set(reeve, "box", {{"pids.limit", "99"}});
  CHECK(reeve.run_to_end("box", limits("one", {"pids"})).out == "99\n");
  reeve.run("box", limits("follower", {"-f", "pids"}));
  expect_output(reeve, "follower", "99\n");
  set(reeve, "box", {{"pids.limit", "98"}});
  expect_output(reeve, "follower", "99\n98\n");
}

TEST_CASE("limits server: a descriptor that takes long to be closed holds up "
          "nobody",
          "[integration][limits][limits-server][escape]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  reeve.create(image.spec("beside"));
  for (const auto* box : {"box", "beside"})
    set(reeve, box, {{"pids.limit", "99"}});
  reeve.run("box",
            instance::process("crowd", {"probe", "limits", "poison", "40"}));
  eventually("they have asked",
             [&] { return !output_so_far(reeve, "box", "crowd").empty(); });
  auto said = output_so_far(reeve, "box", "crowd");
  // Nobody can, since Linux 6.16.
  auto is_refused = said == "sent 0\n";
  CHECK((is_refused || said == "sent 40\n"));
  for (auto i = 0; i < 3; ++i) {
    auto asked = reeve.run_to_end("beside", limits("limits", {}));
    CHECK_THAT(asked.out, !ContainsSubstring("/sys/fs/cgroup"));
    CHECK_THAT(asked.out, ContainsSubstring("99"));
  }
  // Whose places are taken reads what it can see.
  auto asked = reeve.run_to_end("box", limits("limits", {}));
  CHECK_THAT(asked.out, ContainsSubstring("99"));
  if (is_refused)
    CHECK_THAT(asked.out, !ContainsSubstring("/sys/fs/cgroup"));
  else
    CHECK_THAT(asked.out, ContainsSubstring("/sys/fs/cgroup"));
  reeve.destroy("box");
  reeve.create(image.spec("box"));
  CHECK_THAT(reeve.run_to_end("box", limits("limits", {})).out,
             !ContainsSubstring("/sys/fs/cgroup"));
}

TEST_CASE("limits server: tells nobody who is not in the container, and hangs "
          "up on what it does not understand",
          "[integration][limits][limits-server]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = reeve.run("box", instance::sleeper("app")).pid;
  for (const auto* words : {"limits", "watch", "", "set", "limits 2"}) {
    INFO(words);
    auto fd = connect_from_outside(pid);
    REQUIRE(::send(fd.get(), words, std::strlen(words), MSG_NOSIGNAL)
            == static_cast<ssize_t>(std::strlen(words)));
    CHECK(is_hung_up_on(fd));
  }
  auto fd = connect_from_outside(pid);
  auto flood = std::string(100'000, 'x');
  REQUIRE(::send(fd.get(), flood.data(), flood.size(), MSG_NOSIGNAL) > 0);
  CHECK(is_hung_up_on(fd));
  CHECK(reeve.run_to_end("box", limits("limits", {"cpu"})).reason
        == exit_reason::exited(0));
}
