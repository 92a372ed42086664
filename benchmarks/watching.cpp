// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What it costs to look at containers: at one, and at each of few and of many.

#include "benchmarks/reeve_host.hpp"
#include "benchmarks/reeve_subjects.hpp"
#include "benchmarks/stopwatch.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reeve::bench {

using namespace supervisor;
using kernel::result;

namespace {

constexpr auto few = std::size_t{10};

result<void> grow_to(reeve_daemon& daemon, std::size_t count, std::size_t& have,
                     const run_options& options) {
  for (; have < count && !options.interrupted(); ++have)
    if (auto ok = daemon.create("c" + std::to_string(have)); !ok)
      return tl::make_unexpected(
          std::move(ok.error())
              .with_context("container " + std::to_string(have + 1)));
  return {};
}

/// So many rounds of one question, after some that are not counted.
template <class Ask>
result<summary> time_of(const run_options& options, Ask ask) {
  std::vector<duration> times;
  for (std::size_t i = 0;
       i < options.warm_up + options.iterations && !options.interrupted();
       ++i) {
    const auto watch = stopwatch{};
    auto answer = ask();
    const auto took = watch.elapsed();
    if (!answer)
      return tl::make_unexpected(std::move(answer.error()));
    if (i >= options.warm_up)
      times.push_back(took);
  }
  auto out = summarize(times);
  if (!out)
    return kernel::make_error(EINTR, "measure", "statistics");
  return *out;
}

summary each_of(summary all, std::size_t count) {
  auto n = static_cast<double>(count);
  return {all.n, all.p50 / n, all.p99 / n, all.max / n};
}

metric row(std::string name, const summary& numbers,
           std::optional<double> floor = std::nullopt) {
  return make_metric("stats", std::move(name), "us", numbers, floor);
}

} // namespace

result<std::vector<metric>> measure_watching(const run_options& options,
                                             floor_client*) {
  auto daemon = reeve_daemon::start(0);
  if (!daemon)
    return tl::make_unexpected(std::move(daemon.error()));
  auto one = [&] { return (*daemon)->ask<container_stats>(get_stats{"c0"}); };
  auto all = [&] { return (*daemon)->ask<stats_list>(get_stats_of_all{}); };
  auto limits = [&] {
    return (*daemon)->ask<limits_in_force>(get_limits{"c0", {}});
  };
  std::vector<metric> rows;
  std::optional<double> each_of_few;
  std::optional<double> limits_of_few;
  auto have = std::size_t{0};
  for (auto count : {few, std::max(few, options.containers)}) {
    if (auto ok = grow_to(**daemon, count, have, options); !ok)
      return tl::make_unexpected(std::move(ok.error()));
    auto name = std::to_string(count);
    auto each = time_of(options, all).map([&](const summary& sum) {
      return each_of(sum, count);
    });
    if (!each)
      return tl::make_unexpected(std::move(each.error()));
    rows.push_back(row("each_of_" + name, *each, each_of_few));
    each_of_few = each->p50;
    auto read = time_of(options, limits);
    if (!read)
      return tl::make_unexpected(std::move(read.error()));
    rows.push_back(row("limits_of_one_of_" + name, *read, limits_of_few));
    limits_of_few = read->p50;
  }
  auto single = time_of(options, one);
  if (!single)
    return tl::make_unexpected(std::move(single.error()));
  rows.insert(rows.begin(), row("end_to_end", *single));
  return rows;
}

} // namespace reeve::bench
