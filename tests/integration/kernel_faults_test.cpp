// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Any call to the kernel may fail, in the daemon and in its helpers. What it
// was for may fail then, with words; but nothing that runs is lost or touched,
// nothing half-done stays, and the next request, or the next daemon, goes on.
//
// By hand for all calls: REEVE_KERNEL_FAULTS=2000 reeve_integration_tests
// '[kernel_faults]'.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_fault.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/setting.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Everything that a container's life has, each with any answer: the first
// complaint. Whoever runs is left alone until he is told to end, and is who he
// should be.
std::string live_through(daemon_process& reeve) {
  std::string complaint;
  auto does = [&complaint](const std::string& answer) {
    if (complaint.empty())
      complaint = answer;
    return answer.empty();
  };
  auto app = api_client::process("app", {"sh", "-c", "echo hello; sleep 1000"});
  app.restart.type = config::restart_type::permanent;
  auto spec = api_client::spec("web");
  spec.processes = {app};
  auto pids = std::vector<pid_t>{};
  if (does(reeve.complaint<container_created>(create_container{1, spec}))) {
    auto web = container_details{};
    if (does(reeve.complaint(get_container{"web"}, &web))) {
      pids.push_back(web.info.pid);
      for (const auto& item : web.processes)
        pids.push_back(item.pid);
    }
  }
  auto job = api_client::process("job", {"sh", "-c", "id -u; id -g"});
  job.user = "nobody";
  does(reeve.complaint<process_started>(run_process{2, "web", job}));
  does(reeve.complaint<process_is>(wait_process{"web", "job", 1000}));
  auto written = output_chunk{};
  if (does(reeve.complaint(read_output{"web", "job"}, &written)))
    CHECK(std::string_view{"65534\n65534\n"}.starts_with(written.bytes));
  does(reeve.complaint<limits_in_force>(
      set_limits{"web", {{"pids.limit", "50"}}}));
  does(reeve.complaint<container_is>(pause_container{"web"}));
  if (!does(reeve.complaint<container_is>(resume_container{"web"})))
    does(reeve.complaint<container_is>(resume_container{"web"}));
  CHECK(std::ranges::all_of(pids, is_alive));
  does(reeve.complaint<process_is>(stop_process{"web", "app", 0}));
  does(reeve.complaint<process_started>(start_process{"web", "app"}));
  does(reeve.complaint<container_is>(stop_container{"web", 0}));
  does(reeve.complaint<container_is>(start_container{"web"}));
  does(reeve.complaint<container_is>(destroy_container{"web", true, 0}));
  return complaint;
}

#ifdef REEVE_FAULT_POINTS

/// A daemon, and a container of it that must outlive all that fails.
class witnessed_daemon {
public:
  witnessed_daemon() {
    make_witness();
  }

  /// Whether the call was made.
  bool live_with(const std::string& helper, std::uint64_t nth) {
    kernel_fault broken{helper, nth};
    reeve_.kill();
    reeve_.options().environment = broken.environment();
    auto is_up = reeve_.try_start();
    {
      INFO(helper << " " << nth);
      if (is_up)
        complaint_ = live_through(reeve_);
    }
    calls_ = broken.calls();
    INFO(helper << " " << broken.text()
                << (is_up ? "" : " (and the daemon has ended)"));
    if (is_up) {
      if (!broken.text().empty()) { // all is well again
        CHECK(reeve_.complaint<container_created>(
                  create_container{3, api_client::spec("another")})
              == "");
        expect_witness_whole();
      }
      reeve_.kill();
    }
    reeve_.options().environment.clear();
    reeve_.start();
    look_after();
    return !broken.text().empty();
  }

  /// What did not work last.
  [[nodiscard]] const std::string& complaint() const {
    return complaint_;
  }

  /// How many there were of what was counted last.
  [[nodiscard]] std::uint64_t calls() const {
    return calls_;
  }

private:
  void make_witness() {
    reeve_.create("witness");
    app_ = reeve_.run("witness", api_client::counter("app"));
  }

  // What did not come at once comes later, in the same daemon.
  void expect_witness_whole() {
    eventually("it has its pid", [this] {
      return reeve_.process_of("witness", "app").pid == app_.pid;
    });
    auto before = unbroken(reeve_.output_so_far("witness", "app"));
    eventually("its output goes on", [this, before] {
      return unbroken(reeve_.output_so_far("witness", "app")) > before;
    });
  }

  void look_after() {
    auto now = reeve_.process_of("witness", "app");
    auto is_whole = is_alive(app_.pid) && now.pid == app_.pid
                    && now.phase == process_phase::running;
    CHECK(is_whole);
    CHECK(unbroken(reeve_.output_so_far("witness", "app")) > 0);
    auto names = reeve_.container_names();
    std::erase(names, "witness");
    CHECK(names.size() <= 2);
    for (const auto& name : names)
      reeve_.destroy(name);
    if (is_whole)
      return;
    reeve_.destroy("witness");
    make_witness();
  }

  daemon_process reeve_;
  process_started app_;
  std::uint64_t calls_ = 0;
  std::string complaint_;
};

/// Lets calls fail all over a life of that helper, or of the daemon.
void let_fail(const std::string& helper, unsigned tries) {
  witnessed_daemon reeve;
  CHECK_FALSE(reeve.live_with(helper, std::numeric_limits<int>::max()));
  CHECK(reeve.complaint() == "");
  auto all = reeve.calls();
  INFO(helper << " has made " << all << " calls");
  REQUIRE(all > 0);
  auto random = std::mt19937{setting("REEVE_CHAOS_SEED", 1)};
  tries = static_cast<unsigned>(std::min<std::uint64_t>(tries, all));
  auto happened = 0U;
  for (auto i = 0U; i < tries; ++i) {
    auto from = all * i / tries;
    auto width = all * (i + 1) / tries - from;
    happened += reeve.live_with(helper, from + 1 + random() % width) ? 1 : 0;
  }
  CHECK(happened > tries / 2); // a run need not have so many calls
}

#endif

} // namespace

TEST_CASE(
    "kernel faults: whichever call of the daemon fails, nothing that runs "
    "is lost and nothing half-done stays",
    "[integration][kernel_faults]") {
  if (!is_root())
    return;
#ifndef REEVE_FAULT_POINTS
  skip("this build has no points to fail at");
#else
  let_fail("", setting("REEVE_KERNEL_FAULTS", 40));
#endif
}

TEST_CASE("kernel faults: whichever call of a helper fails, nothing that runs "
          "is lost and nothing half-done stays",
          "[integration][kernel_faults]") {
  if (!is_root())
    return;
#ifndef REEVE_FAULT_POINTS
  skip("this build has no points to fail at");
#else
  for (const auto* helper : {"reeve-zygote", "reeve-broker", "reeve-holder"})
    let_fail(helper, setting("REEVE_KERNEL_FAULTS", 15));
#endif
}
