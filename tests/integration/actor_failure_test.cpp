// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What an exception in an actor leads to: nothing that anybody in a container
// could notice.

#include "actors/failure.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#ifdef REEVE_FAULT_POINTS

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using actors::arm_fault;
using actors::fault_has_happened;

namespace {

const auto all_of_a_container = {"container", "user_process",
                                 "namespace_holder", "cgroup_controller"};

// Something of everything; whatever it is, an answer comes.
void use(api_client& reeve, const std::string& name) {
  reeve.complaint<container_details>(get_container{name});
  reeve.complaint<limits_in_force>(set_limits{name, {{"pids.limit", "99"}}});
  auto job = instance::process("job", {"true"});
  reeve.complaint<process_started>(run_process{0, name, job, false});
  reeve.complaint<process_is>(wait_process{name, "job", 1000});
  reeve.complaint<process_is>(remove_process{name, "job"});
  reeve.complaint<container_is>(pause_container{name});
  reeve.complaint<container_is>(resume_container{name});
}

} // namespace

TEST_CASE("actor failure: whichever actor of a container fails, whenever, its "
          "processes go on and it answers again",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve;
  auto spec = instance::spec("web");
  auto count = instance::counter("count");
  count.restart.type = config::restart_type::permanent;
  spec.processes = {count, instance::sleeper("peer")};
  reeve.create(spec);
  reeve.create("beside");
  auto pid_1 = reeve.details_of("web").info.pid;
  auto pid = reeve.process_of("web", "count").pid;
  auto peer = reeve.process_of("web", "peer").pid;
  for (const auto* actor : all_of_a_container) {
    auto failures = 0;
    for (unsigned nth : {1U, 2U, 3U, 5U, 8U, 13U}) {
      INFO(actor << ", message " << nth);
      arm_fault(actor, nth);
      use(reeve, "web");
      auto answers = [&] {
        return reeve.complaint<container_is>(resume_container{"web"}) == ""
               && reeve.complaint<process_is>(
                      signal_process{"web", "count", SIGCONT, false})
                      == "";
      };
      eventually("it answers and runs", answers);
      failures += fault_has_happened() ? 1 : 0; // it may have had less to do
      arm_fault("", 0);
      eventually("it does, if it has failed just now", answers);
      REQUIRE(reeve.phase_of("web") == container_phase::running);
      REQUIRE(reeve.details_of("web").info.pid == pid_1);
      REQUIRE(reeve.process_of("web", "count").pid == pid);
      REQUIRE(reeve.process_of("web", "peer").pid == peer);
      REQUIRE(is_alive(pid));
      REQUIRE(is_alive(peer));
    }
    INFO(actor);
    CHECK(failures >= 3);
  }
  // It counts on, and no number is lost.
  auto numbers = unbroken(reeve.output_so_far("web", "count"));
  eventually("it counts on", [&] {
    return unbroken(reeve.output_so_far("web", "count")) > numbers;
  });
  CHECK(reeve.shell("web", "echo well").out == "well\n");
  CHECK(reeve.phase_of("beside") == container_phase::running);
  // It is supervised as before.
  REQUIRE(::kill(pid, SIGKILL) == 0);
  eventually("it is started again", [&] {
    auto now = reeve.process_of("web", "count");
    return now.phase == process_phase::running && now.pid != pid;
  });
  CHECK(reeve.process_of("web", "peer").pid == peer);
}

TEST_CASE("actor failure: an end that nobody saw is told truly",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid =
      reeve
          .run("web", instance::process("main", {"sh", "-c", "read x; exit 7"}))
          .pid;
  for (const auto* actor : all_of_a_container) {
    INFO(actor);
    auto id = std::string{"job-"} + actor;
    for (auto& c : id)
      c = c == '_' ? '-' : c;
    auto job = reeve.run(
        "web", instance::process(id, {"sh", "-c", "sleep 0.05; exit 7"}));
    CHECK(job.pid != pid);
    arm_fault(actor);
    reeve.complaint<limits_in_force>(set_limits{"web", {{"pids.limit", "99"}}});
    reeve.complaint<process_is>(signal_process{"web", "main", SIGCONT, false});
    eventually("it is known how it ended", [&] {
      return reeve.complaint<process_is>(wait_process{"web", id, 5000}) == "";
    });
    for (const auto& item : reeve.details_of("web").processes) // and before
      if (item.process != "main") {
        INFO(item.process);
        CHECK(item.last == exit_reason::exited(7));
      }
  }
}

TEST_CASE("actor failure: a create and a destroy happen as a whole or not at "
          "all",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve{2};
  auto spec = instance::spec("web");
  auto main = instance::sleeper("main");
  main.restart.type = config::restart_type::permanent;
  spec.processes = {main, instance::sleeper("once")};
  auto run_is_over = [] {
    auto happened = fault_has_happened();
    arm_fault("", 0);
    return !happened;
  };
  for (const auto* actor : {"container", "user_process", "namespace_holder",
                            "cgroup_controller", "filesystem_layer"}) {
    for (unsigned nth = 1; nth <= 25; ++nth) {
      INFO("create: " << actor << ", message " << nth);
      arm_fault(actor, nth);
      auto problem =
          reeve.complaint<container_created>(create_container{0, spec, false});
      auto is_over = run_is_over();
      if (problem.empty())
        eventually("it runs", [&] {
          return reeve.phase_of("web") == container_phase::running
                 && is_alive(reeve.process_of("web", "main").pid)
                 && is_alive(reeve.process_of("web", "once").pid);
        });
      // Else it is not there, or can be removed.
      eventually("it is gone", [&] {
        reeve.complaint<container_is>(destroy_container{"web", true, 0});
        return reeve.container_names().empty();
      });
      if (is_over)
        break;
    }
    for (unsigned nth = 1; nth <= 25; ++nth) {
      INFO("destroy: " << actor << ", message " << nth);
      reeve.create(spec);
      arm_fault(actor, nth);
      reeve.complaint<container_is>(destroy_container{"web", true, 0});
      auto is_over = run_is_over();
      eventually("it is gone", [&] {
        reeve.complaint<container_is>(destroy_container{"web", true, 0});
        return reeve.container_names().empty();
      });
      if (is_over)
        break;
    }
  }
}

TEST_CASE("actor failure: who asks again makes a container, whatever else a "
          "PID 1 that is not ready breaks with the actor that talks to it",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve{0};
  for (std::uint64_t command = 1; command <= 20; ++command) {
    INFO("command " << command);
    arm_fault("namespace_holder"); // as the greeting comes
    auto spec = instance::spec("web");
    (void)reeve.insist<container_created>(
        create_container{command, spec, false});
    CHECK(fault_has_happened());
    reeve.destroy("web");
  }
}

TEST_CASE("actor failure: output that a run has left in its pipe is kept, "
          "although the next one runs already",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve;
  // Each line is a number, and as long as that the pipe is soon full. What is
  // recorded was written.
  auto writer = instance::process(
      "main", {"sh", "-c",
               "i=$(cat /n 2>/dev/null || echo 0); while :; do i=$((i+1));"
               " printf '%01000d\\n' $i; echo $i > /n.new; mv /n.new /n;"
               " done"});
  writer.restart.type = config::restart_type::permanent;
  writer.restart.max_restarts = 1'000;
  auto spec = instance::spec("web");
  spec.processes = {writer};
  reeve.create(spec);
  auto process_of_web = [&] {
    return reeve.insist<container_details>(get_container{"web"})
        .processes.at(0);
  };
  auto counted =
      "/proc/" + std::to_string(reeve.details_of("web").info.pid) + "/root/n";
  std::uint64_t read = 0;
  long last = 0;
  auto repeated = 0U; // killed between two steps
  auto failures = 0;
  auto nth = 1U;
  for (; nth <= 8; ++nth) {
    INFO("message " << nth);
    // Followed and not read on: it goes on to write until the pipe is full.
    read_output follow{"web", "main"};
    follow.offset = read;
    follow.follow = true;
    follow.reader = nth;
    (void)reeve.insist<output_chunk>(follow);
    // It writes some hundred lines a second while it can.
    std::string held;
    auto since = std::chrono::steady_clock::now();
    eventually("it is held up", [&] {
      auto seen = read_file(counted);
      auto now = std::chrono::steady_clock::now();
      if (seen.empty() || std::exchange(held, seen) != seen)
        since = now;
      return now - since > patiently(std::chrono::milliseconds{100});
    });
    auto pid = process_of_web().pid;
    arm_fault("namespace_holder", nth);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    eventually("it runs again", [&] {
      auto now = process_of_web();
      return now.phase == process_phase::running && now.pid != pid;
    });
    failures += fault_has_happened() ? 1 : 0; // it may have had less to do
    arm_fault("", 0);
    // All that it had written before is there.
    for (auto goal = std::stol(held); last < goal;) {
      follow.offset = read;
      follow.wait_ms = 5'000;
      auto got = reeve.insist<output_chunk>(follow);
      REQUIRE(got.offset == read);
      auto whole = got.bytes.rfind('\n') + 1;
      REQUIRE(whole > 0);
      std::istringstream in{got.bytes.substr(0, whole)};
      for (std::string line; std::getline(in, line);) {
        auto number = std::stol(line);
        if (number == last)
          ++repeated;
        else
          REQUIRE(number == last + 1);
        last = number;
      }
      read += whole;
    }
  }
  CHECK(failures >= 3);
  CHECK(repeated < nth);
}

TEST_CASE("actor failure: who has no descriptors to adopt with tears nothing "
          "down",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve{0};
  // A sanitizer needs descriptors for the first object of a kind that it sees
  // the end of.
  reeve.create("other");
  reeve.destroy("other");
  reeve.create("web");
  auto pid_1 = reeve.details_of("web").info.pid;
  auto pid = reeve.run("web", instance::sleeper("main")).pid;
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  auto none = rlimit{3, usual.rlim_max};
  arm_fault("container");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  reeve.complaint<process_is>(signal_process{"web", "main", SIGCONT, false});
  std::this_thread::sleep_for(std::chrono::milliseconds{100}); // it is known
  auto stays = std::string{"nobody answers"};
  std::thread asker{[&] { // it waits until there is somebody to answer
    stays = reeve.complaint<process_is>(
        signal_process{"web", "main", SIGCONT, false});
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  asker.join();
  CHECK(fault_has_happened());
  CHECK(stays == "");
  CHECK(reeve.details_of("web").info.pid == pid_1);
  CHECK(reeve.process_of("web", "main").pid == pid);
  CHECK(is_alive(pid));
}

TEST_CASE("actor failure: whichever actor of the runtime fails, whenever, its "
          "containers go on and nothing is left over",
          "[integration][failure]") {
  if (!is_root())
    return;
  constexpr auto pool_size = 1;
  instance reeve{pool_size};
  auto spec = instance::spec("web");
  auto count = instance::counter("count");
  count.restart.type = config::restart_type::permanent;
  spec.processes = {count, instance::sleeper("peer")};
  reeve.create(spec);
  auto pid_1 = reeve.details_of("web").info.pid;
  auto pid = reeve.process_of("web", "count").pid;
  auto other = instance::spec("other");
  other.processes = {instance::sleeper("main")};
  auto only_web = std::vector<std::string>{"web"};
  for (const auto* actor :
       {"warden", "holder_pool", "file_sweeper", "zygote", "mount_broker"}) {
    auto failures = 0;
    // The first one often: who fails then may drop what he has been given
    // before anybody knows of it.
    for (unsigned nth : {1U, 1U, 1U, 2U, 3U, 5U, 8U, 12U}) {
      INFO(actor << ", message " << nth);
      arm_fault(actor, nth);
      reeve.complaint<container_created>(create_container{0, other, false});
      use(reeve, "web");
      reeve.complaint<container_list>(list_containers{});
      eventually("it answers and the other one can go", [&] {
        reeve.complaint<container_is>(destroy_container{"other", true, 0});
        return reeve.complaint<container_list>(list_containers{}) == ""
               && reeve.container_names() == only_web;
      });
      failures += fault_has_happened() ? 1 : 0; // it may have had less to do
      arm_fault("", 0);
      REQUIRE(reeve.phase_of("web") == container_phase::running);
      REQUIRE(reeve.details_of("web").info.pid == pid_1);
      REQUIRE(reeve.process_of("web", "count").pid == pid);
      REQUIRE(is_alive(pid));
    }
    INFO(actor);
    CHECK(failures >= 1);
    auto containers = reeve.root() + "/state/containers";
    eventually("no other files are left", [&] {
      return std::distance(std::filesystem::directory_iterator{containers}, {})
             == 1 + pool_size;
    });
  }
  auto numbers = unbroken(reeve.output_so_far("web", "count"));
  eventually("it counts on", [&] {
    return unbroken(reeve.output_so_far("web", "count")) > numbers;
  });
}

TEST_CASE("actor failure: a create that is asked for again is done once, also "
          "by another warden and another daemon",
          "[integration][failure]") {
  if (!is_root())
    return;
  instance reeve;
  auto make = create_container{77, instance::spec("web"), false};
  auto first = reeve.ask<container_created>(make);
  arm_fault("warden");
  reeve.complaint<container_list>(list_containers{});
  eventually("there is a warden", [&] {
    return reeve.complaint<container_list>(list_containers{}).empty();
  });
  REQUIRE(fault_has_happened());
  CHECK(reeve.ask<container_created>(make).id == first.id);
  reeve.restart();
  CHECK(reeve.ask<container_created>(make).id == first.id);
  make.command = 78;
  CHECK(reeve.refusal<container_created>(make).find("exists already")
        != std::string::npos);
}

#endif
