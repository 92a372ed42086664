// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"
#include "tests/support/instance.hpp"

#include <catch2/catch.hpp>

#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Lines 0, 1, 2, ... without a gap and without a repeat.
bool counts_up(const std::string& text) {
  std::istringstream in{text};
  auto expected = 0;
  for (std::string line; std::getline(in, line); ++expected)
    if (line != std::to_string(expected))
      return false;
  return expected > 0;
}

config::process_spec counter(const std::string& id, config::restart_type type) {
  auto out = instance::process(
      id, {"sh", "-c",
           "i=0; while true; do echo $i; i=$((i+1)); sleep 0.01; "
           "done"});
  out.restart.type = type;
  return out;
}

} // namespace

TEST_CASE("adoption: processes outlive their supervisor and are taken over",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto a = reeve.run("web", counter("a", config::restart_type::permanent)).pid;
  auto b = reeve.run("web", counter("b", config::restart_type::temporary)).pid;
  auto since = kernel::start_time(a).value().value();
  reeve.restart();
  CHECK(reeve.process_of("web", "a").pid == a);
  CHECK(reeve.process_of("web", "b").pid == b);
  CHECK(reeve.process_of("web", "b").phase == process_phase::running);
  CHECK(kernel::start_time(a).value().value() == since);
  CHECK(reeve.shell("web", "echo new").out == "new\n");
  // Whose restart policy works on.
  REQUIRE(::kill(a, SIGKILL) == 0);
  eventually("a runs again", [&] {
    auto now = reeve.process_of("web", "a");
    return now.phase == process_phase::running && now.pid != a;
  });
  reeve.ask<process_is>(stop_process{"web", "b", 0});
  CHECK(counts_up(reeve.output("web", "b")));
}

TEST_CASE("adoption: an end that nobody saw is told with its true status",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto leaves = instance::process("leaves", {"sh", "-c", "read x; exit 7"});
  leaves.stdin_open = true;
  auto dies = instance::process("dies", {"sleep", "1000"});
  auto seven = reeve.run("web", leaves).pid;
  auto killed = reeve.run("web", dies).pid;
  reeve.ask<process_is>(write_input{"web", "leaves", "", false});
  reeve.go_down();
  REQUIRE(::kill(killed, SIGKILL) == 0);
  REQUIRE(::kill(seven, SIGTERM) == 0);
  eventually("both have ended", [&] {
    return !kernel::start_time(seven).value()
           && !kernel::start_time(killed).value();
  });
  reeve.come_up();
  CHECK(reeve.wait("web", "dies").last
        == exit_reason::signaled(SIGKILL, false));
  CHECK(reeve.wait("web", "leaves").last
        == exit_reason::signaled(SIGTERM, false));
}

TEST_CASE("adoption: a container that nobody owns is swept",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve{0};
  reeve.create("web");
  auto info = reeve.ask<container_details>(get_container{"web"}).info;
  auto pid = reeve.run("web", instance::process("main", {"sleep", "1000"})).pid;
  reeve.go_down();
  auto record = reeve.root() + "/state/containers/" + info.id + "/record.json";
  REQUIRE(::unlink(record.c_str()) == 0);
  reeve.come_up();
  CHECK(reeve.ask<container_list>(list_containers{}).containers.empty());
  eventually("its processes have ended", [&] {
    return !kernel::start_time(pid).value()
           && !kernel::start_time(info.pid).value();
  });
}

TEST_CASE("adoption: a second Reeve on the same directories is refused",
          "[integration][adoption]") {
  if (!is_root())
    return;
  instance reeve{0};
  auto second = runtime::start(reeve.system(), reeve.config());
  REQUIRE_FALSE(second);
  CHECK(to_string(second.error()).find(std::to_string(::getpid()))
        != std::string::npos);
}
