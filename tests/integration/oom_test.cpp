// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What `oom.policy` does with processes that need more memory than there is:
// on v1 and hybrid they are paused meanwhile, on v2 slowed down.

#include "actors/failure.hpp"
#include "kernel-iface/unix_time.hpp"
#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <csignal>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

config::container_spec box(const probe_image& image, const char* policy) {
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 48 * mib;
  REQUIRE(config::set_key(spec.limits, "oom.policy", policy));
  return spec;
}

config::process_spec hog(const char* id, const char* mebibytes) {
  return api_client::process(id, {"probe", "allocate", mebibytes});
}

oom_status status_of(api_client& reeve) {
  return reeve.ask<oom_status>(get_oom{"box"});
}

void wait_for_question(api_client& reeve) {
  eventually(
      "somebody is asked", [&] { return status_of(reeve).answer_by != 0; },
      [&] { return status_of(reeve).last; });
}

/// What was told of it, oldest first.
std::vector<std::string> news(api_client& reeve) {
  std::vector<std::string> out;
  for (const auto& event : reeve.ask<event_batch>(get_events{}).events)
    if (event.kind == event_kind::container_out_of_memory)
      out.push_back(event.text);
  return out;
}

/// What was done by the policy, oldest first.
std::vector<std::string> decisions(api_client& reeve) {
  auto out = news(reeve);
  for (auto& text : out)
    text = text.substr(0, text.find(' '));
  return out;
}

/// Who has ended is told of before what has ended him.
void expect_decisions(api_client& reeve, const std::vector<std::string>& all) {
  eventually(
      "it was decided so", [&] { return decisions(reeve) == all; },
      [&] {
        std::string text;
        for (const auto& one : news(reeve))
          text += one + "; ";
        return text;
      });
}

/// v1 pauses those that need memory; v2 has nobody of the container run.
bool is_held(pid_t pid) {
  if (!is_cgroup2())
    return waits_for_memory(pid);
  auto group = read_file("/proc/" + std::to_string(pid) + "/cgroup");
  auto path = group.substr(group.find("::") + 2);
  path.pop_back();
  return field_in("/sys/fs/cgroup" + path + "/cgroup.events", "frozen") == 1;
}

} // namespace

TEST_CASE("oom: the largest goes, and the others do not notice",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "kill_largest"));
  CHECK(limit_of(reeve, "box", "oom.policy") == "kill_largest");
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  auto small = allocate(reeve, "box", "8");
  auto ended = reeve.run_to_end("box", hog("big", "200")).reason;
  CHECK(ended == exit_reason::oom(oom_limit::own));
  CHECK(is_alive(peer));
  CHECK(is_alive(small));
  CHECK(memory_peak(peer) <= 48 * mib);
  expect_decisions(reeve, {"decision=kill_largest"});
  // The kernel did not have to.
  CHECK(field_in(
            limits_file(peer, "memory", "memory.oom_control", "memory.events"),
            "oom_kill")
        == 0);
  auto status = status_of(reeve);
  CHECK(status.times == 1);
  CHECK(status.figures.limit == 48 * mib);
  CHECK(status.figures.anon > 32 * mib);
  CHECK(status.figures.largest_bytes > 24 * mib);
  CHECK(status.figures.processes == 3);
  eventually("it has memory again", [&] { return !status_of(reeve).is_out; });

  // One of many others, and again.
  CHECK(reeve.run_to_end("box", hog("again", "200")).reason
        == exit_reason::oom(oom_limit::own));
  CHECK(is_alive(small));
  expect_decisions(reeve, {"decision=kill_largest", "decision=kill_largest"});

  // The kernel's own way, live.
  set(reeve, "box", {{"oom.policy", "kill"}});
  CHECK(reeve.run_to_end("box", hog("last", "200")).reason
        == exit_reason::oom(oom_limit::own));
  CHECK(field_in(
            limits_file(peer, "memory", "memory.oom_control", "memory.events"),
            "oom_kill")
        == 1);
  CHECK(status_of(reeve).policy == "kill");
  CHECK(decisions(reeve).size() == 2);
}

TEST_CASE("oom: all of a container go together", "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "kill_group"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  auto child =
      instance::process("parent", {"sh", "-c", "sleep 100000 & echo $!; wait"});
  reeve.run("box", child);
  auto id = reeve.details_of("box").info.id;
  eventually("its child is there", [&] { return members_of(id).size() == 3; });
  auto members = members_of(id);
  CHECK(reeve.run_to_end("box", hog("big", "200")).reason
        == exit_reason::oom(oom_limit::own));
  for (const auto* name : {"peer", "parent"})
    CHECK(reeve.wait("box", name).last == exit_reason::oom(oom_limit::own));
  CHECK(!is_alive(peer));
  for (auto pid : members)
    CHECK(!is_alive(pid));
  expect_decisions(reeve, {"decision=kill_group"});
  // Also those who fork while they are looked at.
  for (const auto* name : {"peer", "parent", "big"})
    reeve.complaint<process_is>(remove_process{"box", name});
  allocate(reeve, "box", "40");
  reeve.run("box", instance::process("bomb", {"probe", "bomb"}));
  CHECK(reeve.wait("box", "hog").last == exit_reason::oom(oom_limit::own));
  expect_decisions(reeve, {"decision=kill_group", "decision=kill_group"});
  eventually("nobody is left", [&] { return members_of(id).empty(); });
  CHECK(reeve.phase_of("box") == container_phase::running);
  CHECK(reeve.shell("box", "echo works").out == "works\n");
}

TEST_CASE("oom: who is killed with all the others comes back once",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "kill_group"));
  auto permanent = instance::sleeper("permanent");
  permanent.restart.type = config::restart_type::permanent;
  reeve.run("box", permanent);
  CHECK(reeve.run_to_end("box", hog("big", "200")).reason
        == exit_reason::oom(oom_limit::own));
  expect_decisions(reeve, {"decision=kill_group"});
  eventually("it is up again", [&] {
    auto now = reeve.process_of("box", "permanent");
    return now.phase == process_phase::running && now.restarts == 1;
  });
  CHECK(reeve.process_of("box", "permanent").last
        == exit_reason::oom(oom_limit::own));
}

TEST_CASE("oom: policies and limits that are set at the same time",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "kill"));
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  auto is_paused = [&] {
    auto text = read_file(
        limits_file(pid, "memory", "memory.oom_control", "memory.high"));
    return is_cgroup2() ? text != "max\n"
                        : text.starts_with("oom_kill_disable 1");
  };
  for (auto turn = 0; turn < 30; ++turn) {
    const auto* policy = turn % 2 == 0 ? "kill_largest" : "kill";
    std::thread other{[&] {
      set(reeve, "box", {{"memory.limit", turn % 3 == 0 ? "64M" : "48M"}});
    }};
    set(reeve, "box", {{"oom.policy", policy}});
    other.join();
    CHECK(limit_of(reeve, "box", "oom.policy") == policy);
    CHECK(is_paused() == (turn % 2 == 0));
  }
}

TEST_CASE("oom: the limit is raised step by step, up to an end",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "raise:32M:128M"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  auto pid = allocate(reeve, "box", "90");
  CHECK(is_alive(pid));
  CHECK(kernel_limit(peer, "memory.limit") == 112 * mib);
  CHECK(limit_of(reeve, "box", "memory.limit") == "112M");
  expect_decisions(reeve, {"decision=raise:80M", "decision=raise:112M"});
  // Beyond the end somebody has to go: the largest.
  auto more = reeve.run("box", hog("more", "60")).pid;
  CHECK(reeve.wait("box", "hog").last == exit_reason::oom(oom_limit::own));
  eventually("the other one has what it needs", [&] {
    return output_so_far(reeve, "box", "more") == "allocated\n";
  });
  CHECK(is_alive(more));
  CHECK(kernel_limit(peer, "memory.limit") == 128 * mib);
  CHECK(is_alive(peer));

  // It was the limit of this run: what somebody has set holds at the next.
  reeve.ask<container_is>(stop_container{"box", 0});
  reeve.ask<container_is>(start_container{"box"});
  CHECK(limit_of(reeve, "box", "memory.limit") == "48M");
  CHECK(limit_of(reeve, "box", "oom.policy") == "raise:32M:128M");
  CHECK(reeve.run_to_end("box", hog("again", "200")).reason
        == exit_reason::oom(oom_limit::own));
}

TEST_CASE("oom: page cache and tmpfs are told from what cannot be given back",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "reclaim_then_kill"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  // Three times the limit, in page cache: nobody is out of memory.
  auto cached = reeve.shell("box", "dd if=/dev/zero of=/big bs=1M count=150 "
                                   "2>/dev/null && cat /big /big >/dev/null "
                                   "&& rm /big && echo done");
  CHECK(cached.out == "done\n");
  CHECK(decisions(reeve).empty());
  CHECK(memory_peak(peer) <= 48 * mib);
  CHECK(reeve.run_to_end("box", hog("big", "200")).reason
        == exit_reason::oom(oom_limit::own));
  expect_decisions(reeve, {"decision=reclaim", "decision=kill_largest"});
  CHECK(is_alive(peer));
}

TEST_CASE("oom: somebody is asked, and what he says is done",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "freeze_and_ask:10m"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  auto why = reeve.refusal<oom_status>(decide_oom{"box", "kill_group"});
  CHECK(why.find("asks for no decision") != std::string::npos);

  auto pid = reeve.run("box", hog("hog", "70")).pid;
  wait_for_question(reeve);
  CHECK(is_alive(pid));
  eventually("it waits", [&] { return is_held(pid); });
  auto info = reeve.details_of("box").info;
  REQUIRE(info.problems.size() == 1);
  CHECK(info.problems.front().find("reeve oom box") != std::string::npos);
  CHECK(status_of(reeve).is_out);

  why = reeve.refusal<oom_status>(decide_oom{"box", "raise:48M"});
  CHECK(why.find("more than 48M") != std::string::npos);
  why = reeve.refusal<oom_status>(decide_oom{"box", "sell it"});
  CHECK(why.find("is no decision") != std::string::npos);
  auto later = reeve.ask<oom_status>(decide_oom{"box", "wait:1h"});
  CHECK(later.answer_by > kernel::unix_ms() + 50 * 60'000);
  CHECK(is_alive(pid));

  // PID 1 is not held up by it.
  CHECK(reeve.process_of("box", "hog").phase == process_phase::running);
  reeve.ask<process_is>(signal_process{"box", "peer", SIGCONT});

  reeve.ask<oom_status>(decide_oom{"box", "raise:96M"});
  eventually("it has what it needs", [&] {
    return output_so_far(reeve, "box", "hog") == "allocated\n";
  });
  CHECK(kernel_limit(peer, "memory.limit") == 96 * mib);
  CHECK(reeve.details_of("box").info.problems.empty());
  CHECK(!is_held(pid));

  // Once more, and a limit that is set by hand is an answer as well.
  auto second = reeve.run("box", hog("second", "60")).pid;
  wait_for_question(reeve);
  set(reeve, "box", {{"memory.limit", "192M"}});
  eventually("it has what it needs", [&] {
    return output_so_far(reeve, "box", "second") == "allocated\n";
  });
  eventually("nobody is asked",
             [&] { return status_of(reeve).answer_by == 0; });
  CHECK(is_alive(second));

  reeve.run("box", hog("third", "200"));
  wait_for_question(reeve);
  reeve.ask<oom_status>(decide_oom{"box", "kill_group"});
  CHECK(reeve.wait("box", "hog").last == exit_reason::oom(oom_limit::own));
  CHECK(reeve.wait("box", "third").last == exit_reason::oom(oom_limit::own));
  CHECK(!is_alive(peer));

  // A limit and a policy at once: there is room, so nobody goes.
  auto fourth = reeve.run("box", hog("fourth", "300")).pid;
  wait_for_question(reeve);
  set(reeve, "box", {{"memory.limit", "512M"}, {"oom.policy", "kill_group"}});
  eventually("it has what it needs", [&] {
    return output_so_far(reeve, "box", "fourth") == "allocated\n";
  });
  CHECK(is_alive(fourth));
  CHECK(kernel_limit(fourth, "memory.limit") == 512 * mib);
}

TEST_CASE("oom: nothing is started while somebody is asked",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "freeze_and_ask:10m"));
  auto restarts = instance::sleeper("permanent");
  restarts.restart.type = config::restart_type::permanent;
  auto first = reeve.run("box", restarts).pid;
  reeve.run("box", hog("hog", "200"));
  wait_for_question(reeve);
  run_process late;
  late.container = "box";
  late.spec = instance::sleeper("late");
  auto why = reeve.refusal<process_started>(late);
  CHECK(why.find("reeve oom box DECISION") != std::string::npos);
  reeve.ask<process_is>(signal_process{"box", "permanent", SIGKILL});
  eventually("it is due", [&] {
    return reeve.process_of("box", "permanent").phase
           == process_phase::backing_off;
  });
  CHECK(!is_alive(first));
  reeve.ask<oom_status>(decide_oom{"box", "raise:512M"});
  eventually("it is up again", [&] {
    return reeve.process_of("box", "permanent").phase == process_phase::running;
  });
  CHECK(reeve.process_of("box", "permanent").restarts == 1);
}

TEST_CASE("oom: who asks may fail, and somebody else asks",
          "[integration][oom][failure]") {
  if (!is_root())
    return;
  probe_image image;
  instance reeve;
  reeve.create(box(image, "freeze_and_ask:10m"));
  auto pid = reeve.run("box", hog("hog", "100")).pid;
  wait_for_question(reeve);
  for (auto nth : {1U, 2U, 3U}) {
    INFO("message " << nth);
    actors::arm_fault("oom_handler", nth);
    eventually("it has failed", [&] {
      reeve.complaint<oom_status>(get_oom{"box"});
      return actors::fault_has_happened();
    });
    eventually("somebody is asked again", [&] {
      oom_status now;
      return reeve.complaint(get_oom{"box"}, &now).empty()
             && now.answer_by != 0;
    });
    CHECK(is_alive(pid));
  }
  actors::arm_fault("", 0);
  CHECK(reeve.process_of("box", "hog").pid == pid);
  reeve.ask<oom_status>(decide_oom{"box", "raise:256M"});
  eventually("it has what it needs", [&] {
    return output_so_far(reeve, "box", "hog") == "allocated\n";
  });
}

TEST_CASE("oom: a question is void when its container is to end",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  auto spec = box(image, "freeze_and_ask:10m");
  auto patient = hog("hog", "200");
  patient.stop_grace = std::chrono::hours{1}; // longer than anybody waits here
  reeve.create(spec);
  reeve.run("box", patient);
  wait_for_question(reeve);
  reeve.ask<container_is>(stop_container{"box", -1});
  CHECK(reeve.phase_of("box") == container_phase::stopped);
  CHECK(reeve.details_of("box").info.problems.empty());
  CHECK(reeve.process_of("box", "hog").phase == process_phase::exited);
  reeve.ask<container_is>(start_container{"box"});
  reeve.ask<process_is>(remove_process{"box", "hog"});
  reeve.run("box", patient);
  wait_for_question(reeve);
  reeve.ask<container_is>(destroy_container{"box", true, -1});
  CHECK(reeve.container_names().empty());
}

TEST_CASE("oom: a change that is refused takes nothing along",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "kill_largest"));
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  auto pause = [&] {
    return read_file(
        limits_file(pid, "memory", "memory.oom_control", "memory.high"));
  };
  auto before = pause();
  for (const auto* limit : {"24M", "256M"}) {
    reeve.refusal<limits_in_force>(set_limits{"box",
                                              {{"memory.limit", limit},
                                               {"oom.policy", "kill_group"},
                                               {"cpuset.cpus", "1000"}}});
    CHECK(kernel_limit(pid, "memory.limit") == 48 * mib);
    CHECK(pause() == before);
    CHECK(limit_of(reeve, "box", "oom.policy") == "kill_largest");
  }
  if (is_cgroup2()) {
    // The wire follows the limit.
    CHECK(std::stoull(before) == 45 * mib);
    set(reeve, "box", {{"memory.limit", "96M"}});
    CHECK(std::stoull(pause()) == 90 * mib);
    set(reeve, "box", {{"memory.limit", "max"}});
    CHECK(pause() == "max\n");
    set(reeve, "box", {{"memory.limit", "32M"}});
    CHECK(std::stoull(pause()) == 30 * mib);
  }
  // What is in use and not asked for is no reason to kill.
  set(reeve, "box", {{"memory.limit", "64M"}});
  auto full = reeve.run("box", hog("full", "58")).pid;
  eventually("it is full", [&] {
    return output_so_far(reeve, "box", "full") == "allocated\n";
  });
  set(reeve, "box", {{"oom.policy", "kill_group"}});
  set(reeve, "box", {{"memory.limit", "63M"}});
  // Nobody needs more now, though on v2 it is beyond the wire.
  reeve.ask<process_is>(wait_process{"box", "full", 500});
  CHECK(is_alive(full));
  CHECK(decisions(reeve).empty());
}

TEST_CASE("oom: who does not answer in time is not waited for",
          "[integration][oom]") {
  probe_image image;
  instance reeve;
  reeve.create(box(image, "freeze_and_ask:500ms:kill_group"));
  auto peer = reeve.run("box", instance::sleeper("peer")).pid;
  CHECK(reeve.run_to_end("box", hog("big", "200")).reason
        == exit_reason::oom(oom_limit::own));
  eventually("all are gone", [&] { return !is_alive(peer); });
  eventually("it is told", [&] {
    return status_of(reeve).last.starts_with("decision=kill_group");
  });
  auto last = status_of(reeve).last;
  INFO(last);
  CHECK(last.find("by=deadline") != std::string::npos);
  expect_decisions(reeve, {"decision=ask:500ms", "decision=kill_group"});
}

TEST_CASE("oom: who waits for an answer waits for the next daemon's",
          "[integration][oom][adoption]") {
  if (!is_root())
    return;
  probe_image image;
  daemon_process daemon;
  daemon.create(box(image, "freeze_and_ask:10m"));
  auto pid = daemon.run("box", hog("hog", "70")).pid;
  wait_for_question(daemon);
  daemon.kill();
  CHECK(is_alive(pid));
  daemon.start();
  wait_for_question(daemon);
  CHECK(daemon.process_of("box", "hog").pid == pid);
  daemon.ask<oom_status>(decide_oom{"box", "raise:128M"});
  eventually("it has what it needs", [&] {
    return output_so_far(daemon, "box", "hog") == "allocated\n";
  });
  CHECK(is_alive(pid));

  // With the policy gone nobody is held any more.
  daemon.run("box", hog("more", "100"));
  wait_for_question(daemon);
  set(daemon, "box", {{"oom.policy", "kill"}});
  auto ends = [&](const char* name) {
    return daemon.process_of("box", name).last
           == exit_reason::oom(oom_limit::own);
  };
  eventually("the kernel chooses", [&] { return ends("hog") || ends("more"); });
}
