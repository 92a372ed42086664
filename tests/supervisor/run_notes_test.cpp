// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/run_notes.hpp"

#include "config/serialize.hpp"
#include "tests/support/catch.hpp"

using namespace reeve;
using namespace reeve::supervisor;
using namespace std::chrono_literals;

namespace {

config::process_spec a_process() {
  config::process_spec out;
  out.id = "main";
  out.argv = {"sh", "-c", "echo \"{}\""};
  return out;
}

} // namespace

TEST_CASE("run_notes: what was noted is read back", "[supervisor][run_notes]") {
  run_notes notes;
  SECTION("nothing") {}
  SECTION("all of it") {
    notes.command = ~std::uint64_t{0};
    notes.restarts = 7;
    notes.tracker.failures = 3;
    notes.tracker.restarts = {{time_point{5s}, std::nullopt},
                              {time_point{6s}, 2}};
  }
  auto back = parse_noted_run(to_text(a_process(), notes));
  REQUIRE(back);
  CHECK(back->notes == notes);
  CHECK(back->spec.argv == a_process().argv);
  CHECK(parse_restart_snapshot(to_text(notes.tracker)) == notes.tracker);
}

TEST_CASE("run_notes: of too many restarts the newest are kept",
          "[supervisor][run_notes]") {
  run_notes notes;
  for (std::size_t i = 0; i < most_restarts_noted + 5; ++i)
    notes.tracker.restarts.push_back({time_point{i * 1ms}, std::nullopt});
  auto back = parse_noted_run(to_text(a_process(), notes));
  REQUIRE(back);
  REQUIRE(back->notes.tracker.restarts.size() == most_restarts_noted);
  CHECK(back->notes.tracker.restarts.back() == notes.tracker.restarts.back());
}

TEST_CASE("run_notes: a bare spec is one of an older daemon",
          "[supervisor][run_notes]") {
  auto back = parse_noted_run(config::to_json(a_process()));
  REQUIRE(back);
  CHECK(back->spec.id == "main");
  CHECK(back->notes == run_notes{});
}

TEST_CASE("run_notes: what makes no sense is nothing",
          "[supervisor][run_notes]") {
  for (const auto* text :
       {"", "7", "{", "{}", R"({"notes":{}})", R"({"notes":7,"spec":{}})",
        R"({"notes":{"past":[[]]},"spec":{"id":"a","argv":["b"]}})",
        R"({"notes":{"past":["x"]},"spec":{"id":"a","argv":["b"]}})",
        R"({"notes":{"restarts":"x"},"spec":{"id":"a","argv":["b"]}})",
        R"({"notes":{},"spec":{"id":"a"}})",
        R"({"notes":{},"spec":{"id":"../a","argv":["b"]}})"}) {
    INFO(text);
    CHECK_FALSE(parse_noted_run(text));
  }
  CHECK(parse_restart_snapshot("x") == restart_snapshot{});
}
