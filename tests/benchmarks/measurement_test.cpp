// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/measurement.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <numeric>
#include <sstream>

using namespace reeve::bench;
using namespace std::chrono_literals;

namespace {

std::vector<double> numbers_up_to(int n) {
  auto out = std::vector<double>(static_cast<std::size_t>(n));
  std::iota(out.rbegin(), out.rend(), 1.0); // unsorted on purpose: descending
  return out;
}

metric sample_row() {
  return make_metric("exec", "end_to_end", "us", {4, 30, 40, 40}, 20.0);
}

} // namespace

TEST_CASE("summarize: no samples give no numbers", "[benchmarks][unit]") {
  CHECK_FALSE(summarize(std::vector<double>{}));
  CHECK_FALSE(summarize(std::vector<duration>{}));
}

TEST_CASE("summarize: a single sample is every percentile",
          "[benchmarks][unit]") {
  const auto s = summarize(std::vector<double>{7});
  REQUIRE(s);
  CHECK(s->n == 1);
  CHECK(s->p50 == 7);
  CHECK(s->p99 == 7);
  CHECK(s->max == 7);
}

TEST_CASE("summarize: percentiles are measured samples by nearest rank",
          "[benchmarks][unit]") {
  struct expected {
    int n;
    double p50;
    double p99;
  };
  const auto e =
      GENERATE(expected{2, 1, 2}, expected{3, 2, 3}, expected{4, 2, 4},
               expected{99, 50, 99}, expected{100, 50, 99},
               expected{101, 51, 100}, expected{200, 100, 198});
  const auto s = summarize(numbers_up_to(e.n));
  REQUIRE(s);
  CHECK(s->n == static_cast<std::size_t>(e.n));
  CHECK(s->p50 == e.p50);
  CHECK(s->p99 == e.p99);
  CHECK(s->max == e.n);
}

TEST_CASE("summarize: durations become microseconds, fractions kept",
          "[benchmarks][unit]") {
  const auto s = summarize(std::vector<duration>{1500ns, 2ms});
  REQUIRE(s);
  CHECK(s->p50 == 1.5);
  CHECK(s->max == 2000);
}

TEST_CASE("make_metric: the ratio is the median over the floor's median",
          "[benchmarks][unit]") {
  CHECK(sample_row().ratio == 1.5);
}

TEST_CASE("make_metric: without a floor, or with one of zero, no ratio",
          "[benchmarks][unit]") {
  CHECK_FALSE(make_metric("s", "m", "us", {}, std::nullopt).ratio);
  CHECK_FALSE(make_metric("s", "m", "us", {}, 0.0).ratio);
}

TEST_CASE("print_json: has exactly the documented fields, null for absent",
          "[benchmarks][unit]") {
  auto out = std::stringstream{};
  print_json(out, {sample_row(), metric{"density", "floor", "KiB"}});
  const auto parsed = nlohmann::json::parse(out);
  CHECK(parsed == nlohmann::json::parse(R"([
    {"scenario": "exec", "metric": "end_to_end", "unit": "us", "n": 4,
     "p50": 30.0, "p99": 40.0, "max": 40.0, "floor_p50": 20.0, "ratio": 1.5},
    {"scenario": "density", "metric": "floor", "unit": "KiB", "n": 0,
     "p50": null, "p99": null, "max": null, "floor_p50": null, "ratio": null}
  ])"));
}

TEST_CASE("print_json: nothing measured is an empty array",
          "[benchmarks][unit]") {
  auto out = std::stringstream{};
  print_json(out, {});
  CHECK(nlohmann::json::parse(out) == nlohmann::json::array());
}

TEST_CASE("print_table: lines up columns and shows a dash for absent",
          "[benchmarks][unit]") {
  auto out = std::stringstream{};
  print_table(out, {sample_row(), metric{"density", "floor", "KiB"}});
  auto lines = std::vector<std::string>{};
  for (auto line = std::string{}; std::getline(out, line);)
    lines.push_back(line);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].size() == lines[1].size());
  CHECK(lines[1].size() == lines[2].size());
  CHECK(lines[1].find("1.50") != std::string::npos);
  CHECK(lines[2].back() == '-');
}
