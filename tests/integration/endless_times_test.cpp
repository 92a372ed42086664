// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Times that no clock can count to, and descriptors that are none.

#include "config/units.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"

#include <chrono>
#include <future>
#include <limits>
#include <memory>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();

} // namespace

TEST_CASE("hostile values: a grace without an end is not an end without grace",
          "[integration][hostile]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto slow = [&](const std::string& id) {
    reeve.run("web", instance::process(
                         id, {"sh", "-c",
                              "trap 'sleep 0.3; exit 3' TERM; echo ready; "
                              "while true; do sleep 0.01; done"}));
    eventually("the trap is set",
               [&] { return reeve.output_so_far("web", id) == "ready\n"; });
  };
  const auto in_order = exit_reason::stopped(exit_reason::exited(3));
  slow("process");
  CHECK(reeve.ask<process_is>(stop_process{"web", "process", most}).info.last
        == in_order);
  slow("own");
  reeve.ask<process_is>(stop_process{"web", "own", least}); // the spec's own
  slow("container");
  auto for_ever = instance::process(
      "for_ever", {"sh", "-c",
                   "trap 'sleep 0.3; exit 3' TERM; echo ready; "
                   "while true; do sleep 0.01; done"});
  for_ever.stop_grace = config::longest_duration; // "infinity"
  for_ever.after = {"container"};
  reeve.run("web", for_ever);
  eventually("the trap is set", [&] {
    return reeve.output_so_far("web", "for_ever") == "ready\n";
  });
  reeve.ask<container_is>(stop_container{"web", most});
  CHECK(reeve.process_of("web", "container").last == in_order);
  CHECK(reeve.process_of("web", "for_ever").last == in_order);
  reeve.ask<container_is>(start_container{"web"});
  reeve.ask<container_is>(destroy_container{"web", true, most});
  CHECK(reeve.container_names().empty());
}

TEST_CASE("hostile values: a wait without an end waits",
          "[integration][hostile]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto shell = instance::process(
      "shell", {"sh", "-c", "read line; echo $line; read line; exit 5"});
  shell.stdin_open = true;
  reeve.run("web", shell);
  auto later = [](auto work) { return std::async(std::launch::async, work); };
  auto last = reeve.ask<event_batch>(get_events{0, 1, 0}).last;
  auto events = later([&] {
    return reeve.ask<event_batch>(get_events{last, 10, most}).events.size();
  });
  auto output = later([&] {
    read_output query{"web", "shell"};
    query.wait_ms = most;
    return reeve.ask<output_chunk>(query).bytes;
  });
  auto end = later([&] {
    return reeve.ask<process_is>(wait_process{"web", "shell", most}).info.last;
  });
  // Real time, for there is nothing to be seen of a request that waits.
  CHECK(end.wait_for(100ms) == std::future_status::timeout);
  reeve.ask<process_is>(write_input{"web", "shell", "hello\n", false});
  CHECK(output.get() == "hello\n");
  reeve.ask<process_is>(write_input{"web", "shell", "\n", false});
  CHECK(end.get() == exit_reason::exited(5));
  CHECK(events.get() > 0);
}

TEST_CASE("hostile values: three open descriptors or none",
          "[integration][hostile]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto closed = std::make_shared<kernel::unique_fd>();
  for (const auto& stdio :
       std::vector<std::vector<std::shared_ptr<kernel::unique_fd>>>{
           {nullptr},
           {nullptr, nullptr, nullptr},
           {closed, closed, closed},
           {closed, closed, closed, closed}}) {
    auto why = reeve.refusal<process_started>(run_process_with_stdio{
        {0, "web", instance::process("p", {"true"}), false}, stdio});
    CHECK(why.find("three") != std::string::npos);
  }
  CHECK(reeve.details_of("web").processes.empty());
}
