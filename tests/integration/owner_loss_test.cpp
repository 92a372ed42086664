// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Containers that are to end with their owner.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <chrono>
#include <filesystem>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

using clock_type = std::chrono::steady_clock;

config::container_spec ending(const std::string& name,
                              std::chrono::milliseconds grace) {
  auto out = api_client::spec(name);
  out.on_owner_loss = {config::owner_loss::stop, grace};
  return out;
}

// Writes when it is told to end, and then `then`.
config::process_spec marking(const std::string& id, const std::string& then) {
  return api_client::process(
      id, {"sh", "-c",
           "trap 'echo told >> /" + id + ".mark; " + then
               + "' TERM; echo ready; while true; do sleep 0.01; done"});
}

pid_t run_ready(daemon_process& reeve, const std::string& container,
                const config::process_spec& spec) {
  auto pid = reeve.run(container, spec).pid;
  eventually("the trap is set", [&] {
    return reeve.output_so_far(container, spec.id) == "ready\n";
  });
  return pid;
}

// Once the container has gone only its layer has it.
std::string mark_of(const daemon_process& reeve, const std::string& id,
                    const std::string& process) {
  std::error_code err;
  for (const auto& item : fs::recursive_directory_iterator{
           reeve.root() + "/state/containers/" + id, err})
    if (item.path().filename() == process + ".mark")
      return read_file(item.path());
  return {};
}

std::chrono::milliseconds until_dead(pid_t pid, clock_type::time_point since) {
  eventually("it is dead", [pid] { return !is_alive(pid); });
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_type::now()
                                                               - since);
}

} // namespace

TEST_CASE("owner loss: without a daemon, processes are asked to end and PID 1 "
          "goes with the last of them",
          "[integration][owner_loss]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create(ending("web", 60s));
  auto info = reeve.details_of("web").info;
  std::vector<pid_t> all;
  for (const auto* id : {"a", "b"})
    all.push_back(run_ready(reeve, "web", marking(id, "exit 0")));
  reeve.create("keeps");
  auto kept = run_ready(reeve, "keeps", marking("p", "exit 0"));
  reeve.kill();
  auto start = clock_type::now();
  for (auto pid : all)
    (void)until_dead(pid, start);
  CHECK(until_dead(info.pid, start) < 10s); // long before the grace is over
  for (const auto* id : {"a", "b"})
    CHECK(mark_of(reeve, info.id, id) == "told\n");
  CHECK(members_of(info.id).empty());
  CHECK(is_alive(kept)); // that is the default
  reeve.start();
  eventually("the next daemon knows",
             [&] { return reeve.phase_of("web") == container_phase::stopped; });
  CHECK(groups_of(info.id).empty());
  CHECK(reeve.process_of("keeps", "p").pid == kept);
}

TEST_CASE("owner loss: without a daemon, who does not end is killed when the "
          "grace is over",
          "[integration][owner_loss]") {
  if (!is_root())
    return;
  constexpr auto grace = 1500ms;
  daemon_process reeve;
  reeve.create(ending("web", grace));
  auto info = reeve.details_of("web").info;
  auto deaf = run_ready(reeve, "web", marking("deaf", "true"));
  // It has left its parent, its session and its group.
  auto stray = api_client::process(
      "stray", {"sh", "-c",
                "trap '' TERM; busybox setsid sleep 1000 & echo ready; wait"});
  run_ready(reeve, "web", stray);
  reeve.create(ending("at-once", 0s));
  auto at_once = run_ready(reeve, "at-once", marking("p", "true"));
  auto start = clock_type::now();
  reeve.kill();
  CHECK(until_dead(at_once, start) < grace);
  eventually("it was asked first",
             [&] { return mark_of(reeve, info.id, "deaf") == "told\n"; });
  CHECK(is_alive(deaf));
  auto took = until_dead(info.pid, start);
  INFO(took.count() << " ms");
  CHECK(took > grace - 100ms);
  CHECK(took < grace + patiently(1s));
  CHECK_FALSE(is_alive(deaf));
  CHECK(members_of(info.id).empty());
  reeve.start();
  eventually("what it has left is cleared away",
             [&] { return reeve.phase_of("web") == container_phase::stopped; });
}

TEST_CASE("owner loss: a daemon that comes within the grace takes over what "
          "has not ended",
          "[integration][owner_loss]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create(ending("web", 60s));
  auto info = reeve.details_of("web").info;
  auto deaf = run_ready(reeve, "web", marking("deaf", "true"));
  reeve.kill();
  eventually("it was asked",
             [&] { return mark_of(reeve, info.id, "deaf") == "told\n"; });
  reeve.start();
  CHECK(reeve.phase_of("web") == container_phase::running);
  CHECK(reeve.process_of("web", "deaf").pid == deaf);
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}
