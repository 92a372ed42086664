// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/restart_policy.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <csignal>
#include <random>
#include <utility>
#include <vector>

using namespace reeve::supervisor;
using namespace std::chrono_literals;
using reeve::config::restart_policy;
using reeve::config::restart_type;
using std::chrono::milliseconds;

namespace {

const auto failure = exit_reason::exited(1);

moment at(milliseconds t, double random = 0.5) {
  return {time_point{1h + t}, random};
}

restart_policy permanent() {
  auto policy = restart_policy{};
  policy.type = restart_type::permanent;
  policy.jitter = 0;
  return policy;
}

} // namespace

TEST_CASE("restart_policy: permanent always, transient after an abnormal end, "
          "temporary never",
          "[supervisor][restart_policy]") {
  using enum restart_type;
  for (const auto& end :
       {failure, exit_reason::signaled(SIGSEGV, true),
        exit_reason::oom(oom_limit::own),
        exit_reason::start_failed(start_step::exec, 2), exit_reason::lost()}) {
    CHECK(wants_restart(permanent, end));
    CHECK(wants_restart(transient, end));
    CHECK_FALSE(wants_restart(temporary, end));
  }
  CHECK(wants_restart(permanent, exit_reason::exited(0)));
  CHECK_FALSE(wants_restart(transient, exit_reason::exited(0)));
}

TEST_CASE("restart_policy: what was stopped or given up is never restarted",
          "[supervisor][restart_policy]") {
  using enum restart_type;
  for (auto type : {permanent, transient, temporary}) {
    CHECK_FALSE(wants_restart(type, exit_reason::stopped(failure)));
    CHECK_FALSE(wants_restart(type, exit_reason::gave_up(failure)));
  }
}

TEST_CASE("restart_policy: gives up on the fourth exit inside the window",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 3;
  policy.window = 10s;
  auto uut = restart_tracker{policy};
  CHECK(uut.on_exit(failure, at(0s)).action == restart_action::restart);
  CHECK(uut.on_exit(failure, at(1s)).action == restart_action::restart);
  CHECK(uut.on_exit(failure, at(2s)).action == restart_action::restart);
  CHECK(uut.restarts_in_window(at(3s).now) == 3);
  CHECK(uut.on_exit(failure, at(3s)).action == restart_action::give_up);
}

TEST_CASE("restart_policy: a restart that left the window counts no more",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 1;
  policy.window = 10s;
  auto uut = restart_tracker{policy};
  CHECK(uut.on_exit(failure, at(0s)).action == restart_action::restart);
  CHECK(uut.restarts_in_window(at(10s).now) == 1);
  CHECK(uut.restarts_in_window(at(10001ms).now) == 0);
  CHECK(uut.on_exit(failure, at(11s)).action == restart_action::restart);
}

TEST_CASE("restart_policy: no restarts allowed means giving up at once",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 0;
  auto uut = restart_tracker{policy};
  CHECK(uut.on_exit(failure, at(0s)).action == restart_action::give_up);
}

TEST_CASE("restart_policy: the first restart is immediate, the next grow from "
          "the least to the greatest delay",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 100;
  policy.backoff_max = 500ms;
  auto uut = restart_tracker{policy};
  for (auto expected : {0ms, 100ms, 200ms, 400ms, 500ms, 500ms})
    CHECK(uut.on_exit(failure, at(0s)).delay == expected);
}

TEST_CASE("restart_policy: a healthy run resets the back-off but not the "
          "window",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 3;
  policy.reset_after = 5s;
  auto uut = restart_tracker{policy};
  CHECK(uut.on_exit(failure, at(0s)).delay == 0ms);
  CHECK(uut.on_exit(failure, at(0s)).delay == 100ms);
  uut.on_started(at(100ms).now);
  CHECK(uut.on_exit(failure, at(5100ms)).delay == 0ms);
  uut.on_started(at(5100ms).now);
  CHECK(uut.on_exit(failure, at(11s)).action == restart_action::give_up);
}

TEST_CASE("restart_policy: a start that fails slowly is not a healthy run",
          "[supervisor][restart_policy]") {
  auto uut = restart_tracker{permanent()};
  uut.on_started(at(0s).now);
  CHECK(uut.on_exit(failure, at(1s)).delay == 0ms);
  auto slow = exit_reason::start_failed(start_step::exec, 110);
  CHECK(uut.on_exit(slow, at(1h)).delay == 100ms);
}

TEST_CASE("restart_policy: a start by hand forgets everything",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 1;
  auto uut = restart_tracker{policy};
  CHECK(uut.on_exit(failure, at(0s)).action == restart_action::restart);
  CHECK(uut.on_exit(failure, at(0s)).action == restart_action::give_up);
  uut.reset();
  CHECK(uut.restarts_in_window(at(0s).now) == 0);
  CHECK(uut.on_exit(failure, at(0s)) == verdict{restart_action::restart, 0ms});
}

TEST_CASE("restart_policy: a tracker continues from a snapshot as if nothing "
          "had happened",
          "[supervisor][restart_policy]") {
  auto uut = restart_tracker{permanent()};
  uut.on_started(at(0s).now);
  (void)uut.on_exit(failure, at(1s));
  (void)uut.on_exit(failure, at(2s));
  auto adopted = restart_tracker{uut.policy(), uut.state()};
  CHECK(adopted == uut);
  CHECK(adopted.on_exit(failure, at(3s)) == uut.on_exit(failure, at(3s)));
}

TEST_CASE("restart_policy: extreme settings keep the delay finite and in "
          "bounds",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 5000;
  policy.backoff_factor = 1e300;
  policy.jitter = 1;
  auto expected_max = policy.backoff_max;
  SECTION("no least delay") {
    policy.backoff_min = 0ms;
    expected_max = 0ms;
  }
  SECTION("no greatest delay") {
    policy.backoff_max = 0ms;
    expected_max = policy.backoff_min;
  }
  SECTION("an explosive factor") {}
  auto uut = restart_tracker{policy};
  for (int i = 0; i < 3000; ++i) {
    auto delay = uut.on_exit(failure, at(0s, i % 2)).delay;
    REQUIRE(delay >= 0ms);
    REQUIRE(delay <= expected_max);
  }
}

TEST_CASE("restart_policy: a rule counts before the type, the first that "
          "matches before the others",
          "[supervisor][restart_policy]") {
  auto policy = restart_policy{};
  auto pattern = [](const char* text) {
    return reeve::config::parse_end_pattern(text).value();
  };
  policy.rules = {{{pattern("exit:64"), pattern("signal:SIGSEGV")}, false, {}},
                  {{pattern("exit:60-70"), pattern("oom")}, true, {}},
                  {{pattern("start_failed")}, {}, 1}};
  auto wants = [&](restart_type type, const exit_reason& reason) {
    policy.type = type;
    return wants_restart(policy, reason);
  };
  auto oom = exit_reason::oom(oom_limit::own);
  auto unborn = exit_reason::start_failed(start_step::exec, 2);
  using enum restart_type;
  for (auto type : {permanent, transient, temporary}) {
    CHECK_FALSE(wants(type, exit_reason::exited(64)));
    CHECK_FALSE(wants(type, exit_reason::signaled(SIGSEGV, true)));
    CHECK(wants(type, exit_reason::exited(60)));
    CHECK(wants(type, exit_reason::exited(70)));
    CHECK(wants(type, oom));
    // Whatever a rule says, these are somebody's decision.
    for (const auto& last : {exit_reason::exited(60), oom}) {
      CHECK_FALSE(wants(type, exit_reason::stopped(last)));
      CHECK_FALSE(wants(type, exit_reason::gave_up(last)));
    }
    // No rule, or one that leaves it to the type.
    for (const auto& end :
         {exit_reason::exited(59), exit_reason::exited(71),
          exit_reason::exited(0), exit_reason::signaled(SIGABRT, true),
          exit_reason::lost(), unborn})
      CHECK(wants(type, end) == wants_restart(type, end));
  }
}

TEST_CASE("restart_policy: a rule may allow fewer restarts after some ends",
          "[supervisor][restart_policy]") {
  auto policy = permanent();
  policy.max_restarts = 100;
  policy.backoff_max = policy.backoff_min = 0ms;
  policy.window = 10s;
  policy.rules = {{{reeve::config::parse_end_pattern("oom").value()}, {}, 2}};
  auto uut = restart_tracker{policy};
  auto oom = exit_reason::oom(oom_limit::own);
  auto after = [&](const exit_reason& reason, milliseconds t) {
    uut.on_started(at(t).now);
    return uut.on_exit(reason, at(t)).action;
  };
  CHECK(after(oom, 0s) == restart_action::restart);
  CHECK(after(failure, 1s) == restart_action::restart);
  CHECK(after(oom, 2s) == restart_action::restart);
  CHECK(after(failure, 3s) == restart_action::restart);
  CHECK(after(oom, 4s) == restart_action::give_up);
  // The window goes on: the first one does not count any more.
  CHECK(after(oom, 10s + 1ms) == restart_action::restart);
  CHECK(after(oom, 10s + 2ms) == restart_action::give_up);
  // What was given up and asked for again begins anew.
  uut.reset();
  CHECK(after(oom, 10s + 3ms) == restart_action::restart);
}

TEST_CASE("restart_policy: no schedule of exits makes more restarts in a "
          "window than allowed, nor a delay out of bounds",
          "[supervisor][restart_policy]") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    auto gen = std::mt19937{seed};
    auto up_to = [&](int n) {
      return std::uniform_int_distribution{0, n}(gen);
    };
    auto policy = permanent();
    policy.max_restarts = static_cast<unsigned>(up_to(6));
    policy.window = milliseconds{1 + up_to(20000)};
    policy.backoff_min = milliseconds{1 + up_to(500)};
    policy.backoff_max = policy.backoff_min + milliseconds{up_to(20000)};
    policy.backoff_factor = 1 + up_to(30) / 10.0;
    policy.jitter = up_to(10) / 10.0;
    policy.reset_after = milliseconds{up_to(20000)};
    auto uut = restart_tracker{policy};
    auto now = time_point{1h};
    auto restarts = std::vector<time_point>{};
    auto healthy = true; // since the last restart
    for (int i = 0; i < 300; ++i) {
      if (up_to(9) > 0) { // else the start fails
        uut.on_started(now);
        auto run = milliseconds{up_to(3) > 0 ? up_to(100) : up_to(30000)};
        now += run;
        healthy |= run >= policy.reset_after;
      }
      auto says = uut.on_exit(failure, {now, up_to(1000) / 1000.0});
      if (says.action != restart_action::restart) {
        now += milliseconds{up_to(5000)};
        continue;
      }
      CAPTURE(seed, i, healthy);
      if (std::exchange(healthy, false)) {
        REQUIRE(says.delay == 0ms);
      } else {
        REQUIRE(says.delay >= policy.backoff_min);
        REQUIRE(says.delay <= policy.backoff_max);
      }
      now += says.delay;
      restarts.push_back(now);
      auto in_window =
          std::count_if(restarts.begin(), restarts.end(),
                        [&](auto t) { return t >= now - policy.window; });
      REQUIRE(in_window <= static_cast<long>(policy.max_restarts));
      REQUIRE(uut.restarts_in_window(now)
              == static_cast<std::size_t>(in_window));
    }
  }
}
