// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"

#include <catch2/catch.hpp>

#include <sys/types.h>

#include <csignal>
#include <fstream>
#include <iterator>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

pid_t parent_of(pid_t pid) {
  auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return std::stoi(stat.substr(stat.rfind(')') + 4));
}

} // namespace

TEST_CASE("peers: three processes share namespaces, cgroups and their parent",
          "[integration][peers]") {
  if (!is_root())
    return;
  auto before = host_snapshot::take();
  {
    instance reeve;
    reeve.create("web");
    std::vector<pid_t> pids;
    for (const auto* id : {"a", "b", "c"})
      pids.push_back(
          reeve.run("web", instance::process(id, {"sleep", "1000"})).pid);
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
  CHECK(leaked_since(before).empty());
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
    auto spec =
        instance::process(id, {"sh", "-c",
                               "i=0; while true; do echo $i; i=$((i+1)); "
                               "sleep 0.01; done"});
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
