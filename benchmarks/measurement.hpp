// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

/// The load benchmarks: floors, peers and Reeve measured side by side.
namespace reeve::bench {

using duration = std::chrono::nanoseconds;

/// What one series of samples says, in the unit of its samples.
struct summary {
  std::size_t n = 0;
  double p50 = 0;
  double p99 = 0;
  double max = 0;
};

/// Percentiles by nearest rank: every number is a sample that was measured,
/// none is interpolated. Empty for no samples.
[[nodiscard]] std::optional<summary> summarize(std::vector<double> samples);

/// Same, in microseconds.
[[nodiscard]] std::optional<summary>
summarize(const std::vector<duration>& samples);

/// One row of the result. The number by which a scenario is judged is the
/// metric named `end_to_end`; `floor` is what the kernel alone takes, the rest
/// are peers and parts. Absent numbers were not measured.
struct metric {
  std::string scenario;
  std::string name;
  std::string unit;
  std::size_t n = 0;
  std::optional<double> p50;
  std::optional<double> p99;
  std::optional<double> max;
  /// Median of the floor measured in the same run, and `p50` over it.
  std::optional<double> floor_p50;
  std::optional<double> ratio;
};

/// A row from a series and the median of its floor, if there is one.
[[nodiscard]] metric make_metric(std::string scenario, std::string name,
                                 std::string unit, const summary& numbers,
                                 std::optional<double> floor_p50);

/// For people: aligned columns, a dash for what is absent.
void print_table(std::ostream& out, const std::vector<metric>& rows);

/// For programs: one array of objects with the fields scenario, metric, unit,
/// n, p50, p99, max, floor_p50, ratio; null for what is absent.
void print_json(std::ostream& out, const std::vector<metric>& rows);

} // namespace reeve::bench
