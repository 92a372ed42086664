// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_decision.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::supervisor;
using reeve::config::oom_action;
using reeve::config::oom_policy;
using kind = oom_step::kind;
using namespace std::chrono_literals;

namespace {

constexpr auto mib = std::uint64_t{1} << 20U;

} // namespace

TEST_CASE("oom_decision: each policy comes to an end", "[supervisor][oom]") {
  auto next = [](const oom_policy& policy, oom_progress tried = {},
                 std::uint64_t limit = 64 * mib) {
    return next_step(policy, limit, tried);
  };
  CHECK(next({oom_action::kill_largest}) == oom_step{kind::kill_largest});
  CHECK(next({oom_action::kill_group}) == oom_step{kind::kill_group});

  auto raise = oom_policy{oom_action::raise, 16 * mib, 88 * mib};
  CHECK(next(raise) == oom_step{kind::raise, 80 * mib});
  CHECK(next(raise, {}, 80 * mib) == oom_step{kind::raise, 88 * mib});
  CHECK(next(raise, {}, 88 * mib) == oom_step{kind::kill_largest});
  CHECK(next(raise, {.raise_refused = true}) == oom_step{kind::kill_largest});
  // Nobody knows the limit: nothing may overflow.
  CHECK(next(raise, {}, UINT64_MAX) == oom_step{kind::kill_largest});

  auto reclaim = oom_policy{oom_action::reclaim_then_kill};
  CHECK(next(reclaim) == oom_step{kind::reclaim});
  CHECK(next(reclaim, {.reclaimed = true}) == oom_step{kind::kill_largest});

  auto ask = oom_policy{.action = oom_action::freeze_and_ask, .deadline = 30s};
  CHECK(next(ask) == oom_step{kind::ask, 0, 30s});
  CHECK(next(ask, {.asked = true}) == oom_step{kind::kill_largest});
  ask.fallback = oom_action::kill_group;
  CHECK(next(ask, {.asked = true}) == oom_step{kind::kill_group});
}

TEST_CASE("oom_decision: what somebody may decide", "[supervisor][oom]") {
  auto read = [](const char* text) { return parse_decision(text, 64 * mib); };
  CHECK(read("kill_largest") == oom_step{kind::kill_largest});
  CHECK(read("kill_group") == oom_step{kind::kill_group});
  CHECK(read("raise:65M") == oom_step{kind::raise, 65 * mib});
  CHECK(read("wait:30s") == oom_step{kind::wait, 0, 30s});
  for (const auto* text :
       {"", "kill", "raise", "raise:", "raise:64M", "raise:max",
        "raise:2097152T", "wait", "wait:5", "wait:50ms", "wait:25h",
        "kill_group:1", "reclaim"}) {
    INFO(text);
    auto step = read(text);
    REQUIRE(!step);
    CHECK(!step.error().expected.empty());
  }
}

TEST_CASE("oom_decision: events tell what was done, and why",
          "[supervisor][oom]") {
  CHECK(to_text(oom_step{kind::raise, 80 * mib}) == "decision=raise:80M");
  CHECK(to_text(oom_step{kind::ask, 0, 30s}) == "decision=ask:30s");
  CHECK(to_text(oom_step{kind::kill_group}) == "decision=kill_group");
  oom_figures figures{64 * mib, 63 * mib, 0, 60 * mib, 1024, 2, 4711, 50 * mib};
  CHECK(to_text(figures)
        == "limit=64M in_use=63M swap=0 anon=60M file=1K processes=2 "
           "largest=4711:50M");
  figures.largest_pid = 0;
  CHECK(to_text(figures).find("largest") == std::string::npos);
}
