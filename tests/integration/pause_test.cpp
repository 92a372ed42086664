// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Pauses as leases, without a connection whose end could be seen.

#include "supervisor/lease.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"

#include <chrono>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("pause: lasts as long as one holds it, and not after somebody has "
          "ended it",
          "[integration][pause]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid = reeve.run("web", instance::sleeper("main")).pid;
  auto pause = [&](std::uint64_t holder) {
    return reeve.ask<container_is>(pause_container{"web", holder}).phase;
  };
  auto resume = [&](std::uint64_t holder) {
    return reeve.ask<container_is>(resume_container{"web", holder}).phase;
  };
  CHECK(pause(1) == container_phase::paused);
  CHECK(pause(2) == container_phase::paused);
  CHECK(resume(1) == container_phase::paused);
  CHECK(resume(3) == container_phase::paused); // who never had it
  CHECK(is_frozen(pid));
  CHECK(resume(2) == container_phase::running);
  CHECK(!is_frozen(pid));
  CHECK(resume(2) == container_phase::running);

  pause(1);
  pause(2);
  CHECK(resume(0) == container_phase::running);
  CHECK(!is_frozen(pid));
  CHECK_THAT(reeve.refusal<container_is>(pause_container{"web", 1, true}),
             ContainsSubstring("the pause was ended"));
  CHECK(!is_frozen(pid));

  pause(0);
  pause(1);
  CHECK(resume(1) == container_phase::paused);
  CHECK(is_frozen(pid));
  CHECK(resume(0) == container_phase::running);

  // What it held does not come back with the next start.
  pause(1);
  reeve.ask<container_is>(stop_container{"web", 0});
  reeve.ask<container_is>(start_container{"web"});
  CHECK_THAT(reeve.refusal<container_is>(pause_container{"web", 1, true}),
             ContainsSubstring("the pause was ended"));
}

TEST_CASE("pause: ends by itself when nobody says that he is there",
          "[integration][pause]") {
  if (!is_root())
    return;
  instance reeve;
  reeve.create("web");
  auto pid = reeve.run("web", instance::sleeper("main")).pid;
  auto begin = std::chrono::steady_clock::now();
  reeve.ask<container_is>(pause_container{"web", 1});
  REQUIRE(is_frozen(pid));
  // One that says so once.
  auto renewed = begin;
  eventually("some time has gone by", [&] {
    renewed = std::chrono::steady_clock::now();
    return renewed - begin > std::chrono::seconds{3};
  });
  reeve.ask<container_is>(pause_container{"web", 1, true});
  eventually(
      "it goes on", [&] { return !is_frozen(pid); }, std::chrono::seconds{30});
  CHECK(std::chrono::steady_clock::now() - renewed >= lease::term);
  eventually("and says so",
             [&] { return reeve.phase_of("web") == container_phase::running; });
}
