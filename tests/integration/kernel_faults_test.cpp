// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Any call of the daemon to the kernel may fail. What it was for may fail then,
// with words; but nothing that runs is lost or touched, nothing half-done
// stays, and the next request, or the next daemon, goes on.
//
// By hand for all calls: REEVE_KERNEL_FAULTS=900 reeve_integration_tests
// '[kernel_faults]'.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/memory_file.hpp"
#include "tests/support/setting.hpp"

#include <unistd.h>

#include <cstdlib>
#include <random>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Everything that a container's life has, each with any answer.
void live_through(daemon_process& reeve) {
  auto app = api_client::process("app", {"sh", "-c", "echo hello; sleep 1000"});
  app.restart.type = config::restart_type::permanent;
  auto spec = api_client::spec("web");
  spec.processes = {app};
  (void)reeve.complaint<container_created>(create_container{1, spec});
  (void)reeve.complaint<process_started>(
      run_process{2, "web", api_client::process("job", {"echo", "done"})});
  (void)reeve.complaint<process_is>(wait_process{"web", "job", 1000});
  (void)reeve.complaint<output_chunk>(read_output{"web", "job"});
  (void)reeve.complaint<limits_in_force>(
      set_limits{"web", {{"pids.limit", "50"}}});
  (void)reeve.complaint<container_is>(pause_container{"web"});
  (void)reeve.complaint<container_is>(resume_container{"web"});
  (void)reeve.complaint<process_is>(stop_process{"web", "app", 0});
  (void)reeve.complaint<process_started>(start_process{"web", "app"});
  (void)reeve.complaint<container_is>(stop_container{"web", 0});
  (void)reeve.complaint<container_is>(start_container{"web"});
  (void)reeve.complaint<container_is>(destroy_container{"web", true, 0});
}

} // namespace

TEST_CASE(
    "kernel faults: whichever call of the daemon fails, nothing that runs "
    "is lost and nothing half-done stays",
    "[integration][kernel_faults]") {
  if (!is_root())
    return;
#ifndef REEVE_FAULT_POINTS
  skip("this build has no points to fail at");
  return;
#else
  constexpr auto all_calls = 900U; // what the daemon below makes, about
  const auto tries = setting("REEVE_KERNEL_FAULTS", 40);
  auto random = std::mt19937{setting("REEVE_CHAOS_SEED", 1)};
  auto width = std::max(all_calls / tries, 1U);
  daemon_process reeve;
  process_started app;
  auto make_witness = [&] {
    reeve.create("witness");
    app = reeve.run("witness", api_client::counter("app"));
  };
  make_witness();
  auto happened = 0U;
  for (auto i = 0U; i < tries; ++i) {
    auto at = i * width + 1 + random() % width;
    auto err = memory_file();
    reeve.kill();
    reeve.options().environment = {"REEVE_KERNEL_FAULT_AT="
                                   + std::to_string(at)};
    reeve.options().standard_error = err.get();
    auto is_up = reeve.try_start();
    if (is_up) {
      live_through(reeve);
      reeve.kill();
    }
    auto text = contents_of(err);
    if (text.find("was made to fail") != std::string::npos)
      ++happened;
    INFO(text << (is_up ? "" : "(and the daemon has ended)"));
    reeve.options().environment.clear();
    reeve.options().standard_error = -1;
    reeve.start();
    auto now = reeve.process_of("witness", "app");
    auto is_whole = is_alive(app.pid) && now.pid == app.pid
                    && now.phase == process_phase::running;
    CHECK(is_whole);
    CHECK(unbroken(reeve.output_so_far("witness", "app")) > 0);
    auto names = reeve.container_names();
    std::erase(names, "witness");
    CHECK(names.size() <= 1);
    for (const auto& name : names)
      reeve.destroy(name);
    if (is_whole)
      continue;
    reeve.destroy("witness");
    make_witness();
  }
  CHECK(happened > tries / 2); // a run need not have so many calls
#endif
}
