// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What an idle container costs: memory of the kernel as the difference of
// /proc/meminfo, which counts the whole machine; memory and descriptors of the
// daemon and the holders by their own files in /proc.

#include "benchmarks/reeve_host.hpp"
#include "benchmarks/reeve_subjects.hpp"
#include "benchmarks/stopwatch.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>

namespace reeve::bench {

using namespace supervisor;
using kernel::result;

namespace {

/// The lines "Name:  123 kB" of a file in /proc.
std::map<std::string, double> kibibytes(const std::string& path) {
  std::map<std::string, double> out;
  auto in = std::ifstream{path};
  for (auto line = std::string{}; std::getline(in, line);) {
    auto colon = line.find(':');
    if (colon != std::string::npos && line.ends_with(" kB"))
      out[line.substr(0, colon)] = std::stod(line.substr(colon + 1));
  }
  return out;
}

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

constexpr auto kernel_kinds =
    std::array{"Slab", "PageTables", "KernelStack", "Percpu"};

struct usage {
  std::map<std::string, double> kernel;
  double daemon_rss = 0;
  double daemon_fds = 0;
};

usage measure_usage(pid_t daemon) {
  usage out;
  auto all = kibibytes("/proc/meminfo");
  for (const auto* kind : kernel_kinds)
    out.kernel[kind] = all[kind];
  out.daemon_rss = kibibytes(proc(daemon, "status"))["VmRSS"];
  std::error_code ignored;
  auto fds = std::filesystem::directory_iterator{proc(daemon, "fd"), ignored};
  out.daemon_fds = static_cast<double>(std::distance(begin(fds), end(fds)));
  return out;
}

/// A figure per container: one number, so median and maximum are the same.
metric single(std::string name, std::string unit, std::size_t n, double value) {
  metric out;
  out.scenario = "density";
  out.name = std::move(name);
  out.unit = std::move(unit);
  out.n = n;
  out.p50 = value;
  return out;
}

result<std::vector<double>> proportional_sizes(reeve_daemon& daemon) {
  auto all = daemon.ask<container_list>(list_containers{});
  if (!all)
    return tl::make_unexpected(std::move(all.error()));
  std::vector<double> out;
  for (const auto& item : all->containers)
    out.push_back(kibibytes(proc(item.pid, "smaps_rollup"))["Pss"]);
  return out;
}

} // namespace

result<std::vector<metric>> measure_density(const run_options& options,
                                            floor_client*) {
  auto daemon = reeve_daemon::start(0);
  if (!daemon)
    return tl::make_unexpected(std::move(daemon.error()));
  // The first container pays for the image and for what is made once.
  if (auto ok = (*daemon)->create("first"); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  auto before = measure_usage((*daemon)->pid());
  std::vector<duration> creates;
  for (std::size_t i = 0; i < options.containers && !options.interrupted();
       ++i) {
    const auto watch = stopwatch{};
    if (auto ok = (*daemon)->create("idle-" + std::to_string(i)); !ok)
      return tl::make_unexpected(
          std::move(ok.error())
              .with_context("container " + std::to_string(i + 1)));
    creates.push_back(watch.elapsed());
  }
  auto after = measure_usage((*daemon)->pid());
  auto sizes = proportional_sizes(**daemon);
  if (!sizes)
    return tl::make_unexpected(std::move(sizes.error()));
  auto count = static_cast<double>(creates.size());
  std::vector<metric> rows;
  if (auto times = summarize(creates))
    rows.push_back(
        make_metric("density", "create", "us", *times, std::nullopt));
  auto kernel = 0.0;
  for (const auto* kind : kernel_kinds) {
    auto each = (after.kernel[kind] - before.kernel[kind]) / count;
    kernel += each;
    rows.push_back(single(kind, "KiB", creates.size(), each));
  }
  auto daemon_rss = (after.daemon_rss - before.daemon_rss) / count;
  auto holder = summarize(std::move(*sizes));
  if (holder)
    rows.push_back(
        make_metric("density", "holder_pss", "KiB", *holder, std::nullopt));
  rows.push_back(single("daemon_rss", "KiB", creates.size(), daemon_rss));
  rows.push_back(single("daemon_descriptors", "count", creates.size(),
                        (after.daemon_fds - before.daemon_fds) / count));
  rows.push_back(single("end_to_end", "KiB", creates.size(),
                        kernel + daemon_rss + (holder ? holder->p50 : 0)));
  return rows;
}

} // namespace reeve::bench
