// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <sys/types.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

TEST_CASE("peers: three processes share namespaces, cgroups and their parent",
          "[integration][peers]") {
  if (!is_root())
    return;
  {
    instance reeve;
    reeve.create("web");
    std::vector<pid_t> pids;
    for (const auto* id : {"a", "b", "c"})
      pids.push_back(reeve.run("web", instance::sleeper(id)).pid);
    auto info = reeve.ask<container_details>(get_container{"web"}).info;
    auto first = kernel::namespaces_of(pids[0]);
    REQUIRE(first);
    REQUIRE(*first);
    auto host = kernel::namespaces_of(::getpid());
    for (auto pid : pids) {
      CHECK(kernel::namespaces_of(pid).value() == *first);
      CHECK(parent_of(pid) == info.pid);
      CHECK(read_file("/proc/" + std::to_string(pid) + "/cgroup")
            == read_file("/proc/" + std::to_string(pids[0]) + "/cgroup"));
    }
    for (auto member :
         {&kernel::namespace_ids::pid, &kernel::namespace_ids::net,
          &kernel::namespace_ids::uts, &kernel::namespace_ids::ipc,
          &kernel::namespace_ids::mnt, &kernel::namespace_ids::user,
          &kernel::namespace_ids::cgroup, &kernel::namespace_ids::time})
      CHECK((*first.value()).*member != (*host.value()).*member);
  }
}

TEST_CASE("peers: a killed process restarts and its peers do not notice",
          "[integration][peers]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  std::vector<pid_t> pids;
  std::vector<std::uint64_t> since;
  for (const auto* id : {"a", "b", "c"}) {
    auto spec = instance::counter(id);
    spec.restart.type = config::restart_type::permanent;
    pids.push_back(reeve.run("web", spec).pid);
    since.push_back(kernel::start_time(pids.back()).value().value());
  }
  REQUIRE(::kill(pids[1], SIGKILL) == 0);
  eventually("b runs again", [&] {
    auto now = reeve.process_of("web", "b");
    return now.phase == process_phase::running && now.pid != pids[1];
  });
  auto b = reeve.process_of("web", "b");
  CHECK(b.restarts == 1);
  CHECK(b.last == exit_reason::signaled(SIGKILL, false));
  for (auto i : {0U, 2U}) {
    auto now = reeve.process_of("web", i == 0 ? "a" : "c");
    CHECK(now.pid == pids[i]);
    CHECK(now.restarts == 0);
    CHECK(kernel::start_time(pids[i]).value() == since[i]);
  }
  // Their output has neither a gap nor a repetition, and goes on.
  for (const auto* id : {"a", "c"}) {
    auto so_far = unbroken(reeve.output_so_far("web", id));
    CHECK(so_far >= 0);
    eventually("it counts on", [&] {
      auto now = unbroken(reeve.output_so_far("web", id));
      REQUIRE(now >= 0);
      return now > so_far + 10;
    });
  }
}

TEST_CASE("peers: two hundred run at once in one container",
          "[integration][peers]") {
  if (!is_root())
    return;
  constexpr unsigned count = 200;
  instance reeve;
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  std::set<pid_t> pids;
  for (unsigned i = 0; i < count; ++i)
    pids.insert(reeve
                    .run("web", instance::process("p" + std::to_string(i),
                                                  {"sleep", "1000"}))
                    .pid);
  REQUIRE(pids.size() == count);
  auto children = children_of(info.pid);
  CHECK(std::set<pid_t>(children.begin(), children.end()) == pids);
  CHECK(members_of(info.id).size() == count);
  CHECK(reeve.details_of("web").info.live_processes == count);
  auto first = kernel::namespaces_of(*pids.begin()).value();
  for (auto pid : pids)
    CHECK(kernel::namespaces_of(pid).value() == first);
  reeve.ask<container_is>(stop_container{"web", -1});
  for (auto pid : pids)
    CHECK_FALSE(is_alive(pid));
}

TEST_CASE("peers: runs one after another and side by side are all told apart",
          "[integration][peers]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  for (int i = 0; i < 20; ++i) {
    auto done = reeve.shell("web", "echo " + std::to_string(i) + "; exit "
                                       + std::to_string(i));
    CHECK(done.reason == exit_reason::exited(i));
    CHECK(done.out == std::to_string(i) + "\n");
  }
  // Catch2's assertions are for one thread only.
  std::vector<instance::outcome> outcomes(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    threads.emplace_back([&reeve, &out = outcomes[i], i] {
      auto text = std::to_string(i);
      for (int round = 0; round < 5; ++round)
        out = reeve.shell("web", "echo " + text + "; echo e" + text
                                     + " >&2; exit " + text);
    });
  for (auto& thread : threads)
    thread.join();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    CHECK(outcomes[i].reason == exit_reason::exited(static_cast<int>(i)));
    CHECK(outcomes[i].out == std::to_string(i) + "\n");
    CHECK(outcomes[i].err == "e" + std::to_string(i) + "\n");
  }
  CHECK(reeve.details_of("web").processes.empty());
}

TEST_CASE("run: status and both outputs arrive", "[integration][peers]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto done = reeve.shell("web", "echo out; echo err >&2; exit 7");
  CHECK(done.reason == exit_reason::exited(7));
  CHECK(done.out == "out\n");
  CHECK(done.err == "err\n");
  CHECK(reeve.shell("web", "id -u; hostname; echo $$")
            .out.starts_with("0\nweb\n"));
}
