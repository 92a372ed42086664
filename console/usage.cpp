// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/usage.hpp"

#include "console/time_text.hpp"
#include "kernel-iface/cgroup_file.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

namespace reeve::console {

namespace {

using supervisor::container_stats;

constexpr auto orders =
    std::to_array<std::pair<std::string_view, usage_order>>({
        {"cpu", usage_order::cpu},
        {"memory", usage_order::memory},
        {"tasks", usage_order::tasks},
        {"disk", usage_order::disk},
        {"name", usage_order::name},
    });

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>{time}.count();
}

// Counters only grow; one that did not is another's.
double grown(std::uint64_t before, std::uint64_t now) {
  return now > before ? static_cast<double>(now - before) : 0;
}

std::uint64_t sum(const container_stats& of,
                  std::uint64_t kernel::disk_stats::*field) {
  auto out = std::uint64_t{0};
  if (of.stats.disks)
    for (const auto& disk : *of.stats.disks)
      out += disk.*field;
  return out;
}

void add_rates(usage& out, const container_stats& before,
               const container_stats& now) {
  auto time = seconds(now.stats.taken - before.stats.taken);
  if (time <= 0)
    return;
  if (before.stats.cpu && now.stats.cpu) {
    const auto& old_cpu = *before.stats.cpu;
    const auto& cpu = *now.stats.cpu;
    out.processors = std::max(0.0, seconds(cpu.usage - old_cpu.usage)) / time;
    auto periods = grown(old_cpu.periods, cpu.periods);
    if (periods > 0)
      out.throttled =
          grown(old_cpu.throttled_periods, cpu.throttled_periods) / periods;
  }
  if (before.stats.disks && now.stats.disks) {
    auto rate = [&](auto field) {
      return grown(sum(before, field), sum(now, field)) / time;
    };
    out.read = rate(&kernel::disk_stats::read_bytes);
    out.written = rate(&kernel::disk_stats::written_bytes);
  }
}

usage usage_of(const container_stats* before, const container_stats& now) {
  usage out;
  out.container = now.container;
  out.memory_limit = kernel::no_limit;
  if (const auto& memory = now.stats.memory) {
    out.memory = memory->current;
    out.memory_limit = memory->limit;
    out.swap = memory->swap;
  }
  if (now.stats.pids)
    out.tasks = now.stats.pids->current;
  if (before != nullptr)
    add_rates(out, *before, now);
  return out;
}

double weight_of(const usage& in, usage_order by) {
  switch (by) {
  case usage_order::cpu:
    return in.processors.value_or(0);
  case usage_order::memory:
    return static_cast<double>(in.memory);
  case usage_order::tasks:
    return static_cast<double>(in.tasks);
  case usage_order::disk:
    return in.read.value_or(0) + in.written.value_or(0);
  case usage_order::name:
    break;
  }
  return 0;
}

std::string percent(std::optional<double> part) {
  if (!part)
    return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", *part * 100);
  return text.data();
}

std::string bytes(std::optional<double> rate) {
  return rate ? human_size(static_cast<std::uint64_t>(*rate)) : "-";
}

} // namespace

std::optional<usage_order> order_of(std::string_view word) {
  for (const auto& [name, order] : orders)
    if (name == word)
      return order;
  return std::nullopt;
}

std::string_view to_string(usage_order order) {
  for (const auto& [name, known] : orders)
    if (known == order)
      return name;
  return "";
}

std::vector<usage> usages(const std::vector<container_stats>& before,
                          const std::vector<container_stats>& now,
                          usage_order by) {
  std::vector<usage> out;
  for (const auto& one : now) {
    if (one.id.empty())
      continue; // it went while all were asked
    auto old = std::ranges::find(before, one.id, &container_stats::id);
    out.push_back(usage_of(old == before.end() ? nullptr : &*old, one));
  }
  std::ranges::sort(out, [by](const usage& a, const usage& b) {
    auto x = weight_of(a, by);
    auto y = weight_of(b, by);
    return x != y ? x > y : a.container < b.container;
  });
  return out;
}

table table_of(const std::vector<usage>& all) {
  auto out = table{{"NAME", "CPU %", "THROTTLED %", "MEMORY", "LIMIT", "SWAP",
                    "TASKS", "READ/S", "WRITTEN/S"}};
  for (const auto& one : all)
    out.add(
        {{one.container},
         {percent(one.processors)},
         {percent(one.throttled)},
         {human_size(one.memory)},
         {one.memory_limit == kernel::no_limit ? "max"
                                               : human_size(one.memory_limit)},
         {human_size(one.swap)},
         {std::to_string(one.tasks)},
         {bytes(one.read)},
         {bytes(one.written)}});
  return out;
}

} // namespace reeve::console
