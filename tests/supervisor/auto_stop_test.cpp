// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/auto_stop.hpp"

#include "tests/support/catch.hpp"

#include <vector>

using namespace reeve::supervisor;
using enum significance;
using phase = process_phase;
using standings = std::vector<process_standing>;

TEST_CASE("auto_stop: never means that an empty container persists",
          "[supervisor][auto_stop]") {
  CHECK_FALSE(should_stop(auto_stop::never, {}));
  CHECK_FALSE(
      should_stop(auto_stop::never,
                  standings{{significant, phase::exited, exit_kind::exited}}));
}

TEST_CASE("auto_stop: the end of one significant process is enough for "
          "any_significant",
          "[supervisor][auto_stop]") {
  auto all = standings{{significant, phase::running},
                       {significant, phase::exited, exit_kind::signaled}};
  CHECK(should_stop(auto_stop::any_significant, all));
  CHECK_FALSE(should_stop(auto_stop::all_significant, all));
}

TEST_CASE("auto_stop: all_significant waits for those that live, back off or "
          "have yet to start",
          "[supervisor][auto_stop]") {
  for (auto p : {phase::created, phase::starting, phase::running,
                 phase::stopping, phase::backing_off})
    CHECK_FALSE(should_stop(
        auto_stop::all_significant,
        standings{{significant, p},
                  {significant, phase::exited, exit_kind::exited}}));
  CHECK(should_stop(auto_stop::all_significant,
                    standings{{significant, phase::gave_up, exit_kind::gave_up},
                              {significant, phase::exited, exit_kind::stopped},
                              {ordinary, phase::running}}));
}

TEST_CASE("auto_stop: what a user stopped and what is not significant stops "
          "nothing",
          "[supervisor][auto_stop]") {
  auto all = standings{{significant, phase::exited, exit_kind::stopped},
                       {ordinary, phase::exited, exit_kind::exited},
                       {ordinary, phase::gave_up, exit_kind::gave_up}};
  CHECK_FALSE(should_stop(auto_stop::any_significant, all));
  CHECK_FALSE(should_stop(auto_stop::all_significant, all));
  CHECK_FALSE(should_stop(auto_stop::all_significant, {}));
}
