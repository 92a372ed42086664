// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/oom_policy.hpp"

#include "config/limits.hpp"
#include "tests/support/catch.hpp"

using namespace reeve::config;
using namespace std::chrono_literals;

TEST_CASE("oom_policy: every form reads back as it was written",
          "[config][unit]") {
  for (const auto* text :
       {"kill", "kill_largest", "kill_group", "reclaim_then_kill",
        "raise:16M:256M", "raise:1M:1M", "freeze_and_ask:30s",
        "freeze_and_ask:100ms:kill_group", "freeze_and_ask:24h"}) {
    INFO(text);
    auto policy = parse_oom_policy(text);
    REQUIRE(policy);
    CHECK(format_oom_policy(*policy) == text);
    CHECK(check_oom_policy(*policy));
  }
  auto raise = parse_oom_policy("raise:16M:256M");
  REQUIRE(raise);
  CHECK(raise->action == oom_action::raise);
  CHECK(raise->step == 16U << 20U);
  CHECK(raise->most == 256U << 20U);
  auto ask = parse_oom_policy("freeze_and_ask:30s:kill_group");
  REQUIRE(ask);
  CHECK(ask->deadline == 30s);
  CHECK(ask->fallback == oom_action::kill_group);
  // The default is not spelled out.
  ask = parse_oom_policy("freeze_and_ask:30s:kill_largest");
  REQUIRE(ask);
  CHECK(format_oom_policy(*ask) == "freeze_and_ask:30s");
}

TEST_CASE("oom_policy: what is refused says what would do", "[config][unit]") {
  for (const auto* text : {"",
                           "max",
                           "Kill",
                           "kill:1",
                           "kill_group:",
                           "raise",
                           "raise:16M",
                           "raise:16M:256M:1",
                           "raise:0:256M",
                           "raise:64K:256M",
                           "raise:16M:8M",
                           "raise:x:256M",
                           "raise:16M:1048577T",
                           "freeze_and_ask",
                           "freeze_and_ask:",
                           "freeze_and_ask:30",
                           "freeze_and_ask:99ms",
                           "freeze_and_ask:25h",
                           "freeze_and_ask:30s:kill",
                           "freeze_and_ask:30s:raise",
                           "freeze_and_ask:30s:kill_group:1"}) {
    INFO(text);
    auto lim = limits{};
    auto done = set_key(lim, "oom.policy", text);
    REQUIRE(!done);
    CHECK(done.error().key == "oom.policy");
    CHECK(!done.error().expected.empty());
    CHECK(lim == limits{});
  }
  // Of one that was built in code.
  CHECK(!check_oom_policy({oom_action::kill, 1}));
  CHECK(!check_oom_policy({.action = oom_action::kill_group, .deadline = 1s}));
  CHECK(!check_oom_policy({oom_action::raise, 1, 1}));
  CHECK(!check_oom_policy(
      {oom_action::freeze_and_ask, 0, 0, 1s, oom_action::raise}));
  CHECK(!check_oom_policy({.action = oom_action::kill_largest,
                           .fallback = oom_action::kill_group}));
  CHECK(check_oom_policy({}));
}
