// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/measurement.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace reeve::bench {

namespace {

/// Rank ceil(percent / 100 * n) in integers: in floating point 0.99 * 100
/// could round up to the rank 100.
std::size_t rank(std::size_t percent, std::size_t n) {
  return (percent * n + 99) / 100;
}

std::string cell(std::optional<double> value, int digits) {
  if (!value)
    return "-";
  auto out = std::ostringstream{};
  out << std::fixed << std::setprecision(digits) << *value;
  return out.str();
}

using row = std::vector<std::string>;

row to_row(const metric& m) {
  return {m.scenario,      m.name,         m.unit,         std::to_string(m.n),
          cell(m.p50, 1),  cell(m.p99, 1), cell(m.max, 1), cell(m.floor_p50, 1),
          cell(m.ratio, 2)};
}

nlohmann::ordered_json to_json(std::optional<double> value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

} // namespace

std::optional<summary> summarize(std::vector<double> samples) {
  if (samples.empty())
    return std::nullopt;
  std::sort(samples.begin(), samples.end());
  const auto n = samples.size();
  return summary{n, samples[rank(50, n) - 1], samples[rank(99, n) - 1],
                 samples.back()};
}

std::optional<summary> summarize(const std::vector<duration>& samples) {
  using microseconds = std::chrono::duration<double, std::micro>;
  auto numbers = std::vector<double>{};
  numbers.reserve(samples.size());
  for (auto sample : samples)
    numbers.push_back(microseconds{sample}.count());
  return summarize(std::move(numbers));
}

metric make_metric(std::string scenario, std::string name, std::string unit,
                   const summary& numbers, std::optional<double> floor_p50) {
  auto out = metric{std::move(scenario), std::move(name), std::move(unit),
                    numbers.n,           numbers.p50,     numbers.p99,
                    numbers.max,         floor_p50,       std::nullopt};
  if (floor_p50 && *floor_p50 > 0)
    out.ratio = numbers.p50 / *floor_p50;
  return out;
}

void print_table(std::ostream& out, const std::vector<metric>& rows) {
  auto table = std::vector<row>{{"scenario", "metric", "unit", "n", "p50",
                                 "p99", "max", "floor p50", "ratio"}};
  for (const auto& m : rows)
    table.push_back(to_row(m));
  auto widths = std::vector<std::size_t>(table.front().size());
  for (const auto& cells : table)
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  constexpr std::size_t first_number = 3;
  for (const auto& cells : table) {
    auto line = std::ostringstream{};
    for (std::size_t i = 0; i < cells.size(); ++i)
      line << (i == 0 ? "" : "  ")
           << (i < first_number ? std::left : std::right)
           << std::setw(static_cast<int>(widths[i])) << cells[i];
    out << line.str() << '\n';
  }
}

void print_json(std::ostream& out, const std::vector<metric>& rows) {
  auto array = nlohmann::ordered_json::array();
  for (const auto& m : rows)
    array.push_back({{"scenario", m.scenario},
                     {"metric", m.name},
                     {"unit", m.unit},
                     {"n", m.n},
                     {"p50", to_json(m.p50)},
                     {"p99", to_json(m.p99)},
                     {"max", to_json(m.max)},
                     {"floor_p50", to_json(m.floor_p50)},
                     {"ratio", to_json(m.ratio)}});
  out << array.dump(2) << '\n';
}

} // namespace reeve::bench
