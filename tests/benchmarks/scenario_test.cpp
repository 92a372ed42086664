// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/scenario.hpp"

#include "tests/support/catch.hpp"

#include <memory>
#include <stdexcept>

using namespace reeve::bench;
using namespace std::chrono_literals;

namespace {

/// A scenario without floor and peers: the kernel stays out of these tests.
scenario scenario_of(std::vector<subject> subjects) {
  auto out = scenario{"s", "s", "", std::nullopt, std::nullopt};
  out.reeve = [subjects = std::move(subjects)](const run_options&) {
    return reeve::kernel::result<std::vector<subject>>{subjects};
  };
  return out;
}

subject constant(std::string name, duration took,
                 std::shared_ptr<int> calls = std::make_shared<int>(0)) {
  return {std::move(name), [=] {
            ++*calls;
            return reeve::kernel::result<duration>{took};
          }};
}

subject broken_after(int good) {
  auto calls = std::make_shared<int>(0);
  return {"broken", [=]() -> reeve::kernel::result<duration> {
            if ((*calls)++ < good)
              return duration{1us};
            return reeve::kernel::make_error(ENOENT, "open", "/x");
          }};
}

report run_alone(const scenario& what, const run_options& options) {
  return run(what, options, nullptr, nullptr);
}

} // namespace

TEST_CASE("run: warm-up rounds are performed and not counted",
          "[benchmarks][unit]") {
  auto calls = std::make_shared<int>(0);
  const auto what = scenario_of({constant("end_to_end", 2us, calls)});
  const auto said = run_alone(what, {.iterations = 10, .warm_up = 3});
  REQUIRE(said.rows.size() == 1);
  CHECK(said.rows[0].name == "end_to_end");
  CHECK(said.rows[0].n == 10);
  CHECK(said.rows[0].p50 == 2);
  CHECK(*calls == 13);
  CHECK_FALSE(said.failed);
}

TEST_CASE("run: a subject that fails is left out, told of, and others go on",
          "[benchmarks][unit]") {
  const auto what = scenario_of({broken_after(4), constant("good", 1us)});
  const auto said = run_alone(what, {.iterations = 10, .warm_up = 0});
  REQUIRE(said.rows.size() == 2);
  CHECK(said.rows[0].n == 4);
  CHECK(said.rows[1].n == 10);
  REQUIRE(said.notes.size() == 1);
  CHECK(said.notes[0]
        == "s: broken: open /x: No such file or directory (ENOENT)");
  CHECK(said.failed);
}

TEST_CASE("run: what was never measured has no row", "[benchmarks][unit]") {
  const auto said = run_alone(scenario_of({broken_after(0)}), {});
  CHECK(said.rows.empty());
  CHECK(said.notes.size() == 1);
}

TEST_CASE("run: subjects take turns within each round", "[benchmarks][unit]") {
  auto a = std::make_shared<int>(0);
  auto b = std::make_shared<int>(0);
  bool even = true;
  auto options = run_options{.iterations = 20, .warm_up = 0};
  options.interrupted = [&] {
    even = even && std::abs(*a - *b) <= 1;
    return false;
  };
  const auto said = run_alone(
      scenario_of({constant("a", 1us, a), constant("b", 1us, b)}), options);
  CHECK(said.rows.size() == 2);
  CHECK(even);
}

TEST_CASE("run: an interrupt ends it, what was measured until then counts",
          "[benchmarks][unit]") {
  auto calls = std::make_shared<int>(0);
  auto options = run_options{.iterations = 100, .warm_up = 0};
  options.interrupted = [&] { return *calls == 7; };
  const auto said =
      run_alone(scenario_of({constant("end_to_end", 1us, calls)}), options);
  REQUIRE(said.rows.size() == 1);
  CHECK(said.rows[0].n == 7);
}

TEST_CASE("run: the time limit ends it and the report says so",
          "[benchmarks][unit]") {
  auto options = run_options{.iterations = 100, .warm_up = 0};
  options.time_limit = 0s;
  const auto said =
      run_alone(scenario_of({constant("end_to_end", 1us)}), options);
  REQUIRE(said.rows.size() == 1);
  CHECK(said.rows[0].n == 1);
  REQUIRE(said.notes.size() == 1);
  CHECK(said.notes[0] == "s: time limit reached after round 1 of 100");
}

TEST_CASE("run: a ramp adds its own rows", "[benchmarks][unit]") {
  auto what = scenario{"density", "density", "", std::nullopt, std::nullopt};
  what.grow = [](const run_options& options, floor_client*) {
    return reeve::kernel::result<std::vector<metric>>{
        {metric{"density", "containers", "1", options.containers}}};
  };
  const auto said = run_alone(what, {.containers = 42});
  REQUIRE(said.rows.size() == 1);
  CHECK(said.rows[0].n == 42);
}

TEST_CASE("run: says that Reeve's side is missing", "[benchmarks][unit]") {
  const auto said = run_alone({"s", "s", "", std::nullopt, std::nullopt}, {});
  REQUIRE(said.notes.size() == 1);
  CHECK(said.notes[0] == "s: Reeve's side is not built in");
  CHECK_FALSE(said.failed);
}

TEST_CASE("registry: no words select every scenario", "[benchmarks][unit]") {
  const auto all = registry{};
  CHECK(all.select({})->size() == 11);
}

TEST_CASE("registry: a group selects its scenarios, once each",
          "[benchmarks][unit]") {
  const auto all = registry{};
  const auto chosen = all.select({"create", "create_cold", "exec"});
  REQUIRE(chosen);
  auto names = std::vector<std::string>{};
  for (const auto* s : *chosen)
    names.push_back(s->name);
  CHECK(names
        == std::vector<std::string>{"exec", "create_warm", "create_cold"});
}

TEST_CASE("registry: a word may have a dash for an underscore",
          "[benchmarks][unit]") {
  const auto all = registry{};
  const auto chosen = all.select({"restart-storm", "create-warm"});
  REQUIRE(chosen);
  REQUIRE(chosen->size() == 2);
  CHECK(chosen->front()->name == "create_warm");
  CHECK(chosen->back()->name == "restart_storm");
}

TEST_CASE("registry: an unknown word is named", "[benchmarks][unit]") {
  const auto all = registry{};
  const auto chosen = all.select({"exec", "non-sense"});
  REQUIRE_FALSE(chosen);
  CHECK(to_string(chosen.error()).find("'non-sense'") != std::string::npos);
}

TEST_CASE("registry: takes Reeve's side of known scenarios only",
          "[benchmarks][unit]") {
  auto all = registry{};
  all.provide("exec", [](const run_options&) {
    return reeve::kernel::result<std::vector<subject>>{
        {constant("end_to_end", 1us)}};
  });
  const auto chosen = all.select({"exec"});
  REQUIRE(chosen);
  CHECK(chosen->front()->reeve);
  CHECK_THROWS_AS(all.provide("exce", nullptr), std::logic_error);
}
