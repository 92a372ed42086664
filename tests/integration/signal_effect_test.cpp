// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A signal to a process of a container that is in trouble does what it is for.

#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/skip.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

void signal(instance& reeve, const std::string& process, int signo) {
  reeve.ask<process_is>(signal_process{"box", process, signo, false});
}

// From the order to the report of its end, which the kernel bears out.
void ends_within_a_second(instance& reeve, const std::string& process,
                          int signo) {
  INFO(process << ", signal " << signo);
  auto pid = reeve.process_of("box", process).pid;
  REQUIRE(is_alive(pid));
  auto start = clock_type::now();
  signal(reeve, process, signo);
  auto last = reeve.wait("box", process).last;
  auto took = clock_type::now() - start;
  CHECK(last == exit_reason::signaled(signo, false));
  CHECK(took < patiently(1s));
  CHECK_FALSE(is_alive(pid));
}

// Of the whole process.
bool is_pending(pid_t pid, int signo) {
  auto mask = std::stoull(status_of(pid, "ShdPnd"), nullptr, 16);
  return (mask >> static_cast<unsigned>(signo - 1) & 1U) != 0;
}

} // namespace

TEST_CASE("signal: in a container full of a fork bomb it ends its process "
          "within a second",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  reeve.run("box", instance::sleeper("peer"));
  reeve.run("box", instance::sleeper("other"));
  reeve.ask<limits_in_force>(set_limits{"box", {{"pids.limit", "40"}}});
  reeve.run("box", instance::process("bomb", {"probe", "bomb"}));
  eventually("the bomb has hit the limit", [&] {
    return reeve.output_so_far("box", "bomb").starts_with("fork: EAGAIN\n");
  });
  ends_within_a_second(reeve, "peer", SIGTERM);
  ends_within_a_second(reeve, "other", SIGKILL);
  // One that is to be heard, not to kill.
  auto trap =
      instance::process("trap", {"sh", "-c",
                                 "trap 'echo heard; exit 4' USR1; echo ready; "
                                 "while :; do :; done"});
  reeve.run("box", trap);
  eventually("the trap is set",
             [&] { return reeve.output_so_far("box", "trap") == "ready\n"; });
  auto start = clock_type::now();
  signal(reeve, "trap", SIGUSR1);
  CHECK(reeve.wait("box", "trap").last == exit_reason::exited(4));
  CHECK(clock_type::now() - start < patiently(1s));
  CHECK(reeve.output("box", "trap") == "ready\nheard\n");
  ends_within_a_second(reeve, "bomb", SIGINT); // its first process
}

TEST_CASE("signal: in a frozen container it is delivered with the thaw",
          "[integration][limits]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("box");
  // Not a deadly one: that, cgroup v2 lets through.
  auto pid =
      reeve
          .run("box",
               instance::process("p", {"sh", "-c",
                                       "trap 'exit 4' USR1; echo ready; "
                                       "while true; do sleep 0.01; done"}))
          .pid;
  eventually("the trap is set",
             [&] { return reeve.output_so_far("box", "p") == "ready\n"; });
  reeve.ask<container_is>(pause_container{"box"});
  auto start = clock_type::now();
  signal(reeve, "p", SIGUSR1);
  CHECK(clock_type::now() - start < patiently(1s));
  CHECK(is_alive(pid));
  CHECK(is_pending(pid, SIGUSR1));
  CHECK(reeve.process_of("box", "p").phase == process_phase::running);
  start = clock_type::now();
  reeve.ask<container_is>(resume_container{"box"});
  CHECK(reeve.wait("box", "p").last == exit_reason::exited(4));
  CHECK(clock_type::now() - start < patiently(1s));
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("signal: a process that waits for memory ends within a second",
          "[integration][limits]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = std::uint64_t{32} << 20U;
  reeve.create(spec);
  std::string control;
  for (const auto& group : groups_of(reeve.details_of("box").info.id))
    if (auto path = group + "/memory.oom_control";
        std::filesystem::exists(path))
      control = path;
  if (control.empty())
    return skip("cgroup v2: nobody waits for memory, the kernel kills at once");
  reeve.run("box", instance::sleeper("peer"));
  std::ofstream{control} << "1" << std::flush;
  for (auto signo : {SIGTERM, SIGKILL}) {
    auto id = "hog-" + std::to_string(signo);
    reeve.run("box", instance::process(id, {"probe", "allocate", "64"}));
    eventually("the group is out of memory", [&] {
      return read_file(control).find("under_oom 1") != std::string::npos;
    });
    ends_within_a_second(reeve, id, signo);
    eventually("there is memory again", [&] {
      return read_file(control).find("under_oom 0") != std::string::npos;
    });
  }
  ends_within_a_second(reeve, "peer", SIGTERM);
}
