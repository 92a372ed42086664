// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/json.hpp"
#include "kernel-iface/cgroup_file.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>

namespace reeve::console {

namespace {

/// With the part of one that is left.
double ms(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>{time}.count();
}

template <class T>
json or_null(const std::optional<T>& part, json (*to_json)(const T&)) {
  return part ? to_json(*part) : json{};
}

json of_cpu(const kernel::cpu_stats& cpu) {
  return {{"usage_ms", ms(cpu.usage)},
          {"user_ms", ms(cpu.user)},
          {"system_ms", ms(cpu.system)},
          {"periods", cpu.periods},
          {"throttled_periods", cpu.throttled_periods},
          {"throttled_ms", ms(cpu.throttled)}};
}

json of_memory(const kernel::memory_stats& memory) {
  return {
      {"current", memory.current},
      {"peak", memory.peak},
      {"limit", memory.limit == kernel::no_limit ? json{} : json(memory.limit)},
      {"swap", memory.swap},
      {"anon", memory.anon},
      {"file", memory.file},
      {"shmem", memory.shmem},
      {"active_anon", memory.active_anon},
      {"inactive_anon", memory.inactive_anon},
      {"active_file", memory.active_file},
      {"inactive_file", memory.inactive_file},
      {"dirty", memory.dirty},
      {"writeback", memory.writeback},
      {"faults", memory.faults},
      {"major_faults", memory.major_faults},
      {"limit_hits", memory.limit_hits},
      {"oom_kills", memory.oom_kills}};
}

json of_pids(const kernel::pids_stats& pids) {
  return {{"current", pids.current}};
}

json of_disks(const std::vector<kernel::disk_stats>& disks) {
  auto out = json::array();
  for (const auto& disk : disks)
    out.push_back({{"device", disk.device},
                   {"read_bytes", disk.read_bytes},
                   {"written_bytes", disk.written_bytes},
                   {"reads", disk.reads},
                   {"writes", disk.writes}});
  return out;
}

json of_line(const kernel::pressure_line& line) {
  return {{"avg10", line.avg10},
          {"avg60", line.avg60},
          {"avg300", line.avg300},
          {"total_ms", ms(line.total)}};
}

json of_pressure(const kernel::pressure& pressure) {
  return {{"some", of_line(pressure.some)}, {"full", of_line(pressure.full)}};
}

json of_process(const supervisor::process_stats& process) {
  const auto& stats = process.stats;
  return {{"process", process.process},
          {"pid", process.pid},
          {"user_ms", ms(stats.user)},
          {"system_ms", ms(stats.system)},
          {"threads", stats.threads},
          {"resident", stats.resident},
          {"swap", stats.swap},
          {"faults", stats.faults},
          {"major_faults", stats.major_faults},
          {"read_bytes", stats.read_bytes},
          {"written_bytes", stats.written_bytes}};
}

} // namespace

json json_of(const supervisor::memory_reclaimed& answer) {
  return {{"name", answer.container},
          {"memory_before", answer.memory_before},
          {"memory_after", answer.memory_after},
          {"swap_before", answer.swap_before},
          {"swap_after", answer.swap_after}};
}

json json_of(const supervisor::oom_status& status) {
  const auto& figures = status.figures;
  json last;
  if (status.times != 0)
    last = {{"limit", figures.limit},
            {"in_use", figures.in_use},
            {"swap", figures.swap},
            {"anon", figures.anon},
            {"file", figures.file},
            {"processes", figures.processes},
            {"largest_pid",
             figures.largest_pid != 0 ? json(figures.largest_pid) : json{}},
            {"largest_bytes", figures.largest_bytes}};
  return {{"name", status.container},
          {"policy", status.policy},
          {"times", status.times},
          {"out_of_memory", status.is_out},
          {"answer_by", json_of_time(status.answer_by)},
          {"figures", last},
          {"last", status.last.empty() ? json{} : json(status.last)}};
}

json json_of(const supervisor::container_stats& all) {
  const auto& stats = all.stats;
  auto processes = json::array();
  for (const auto& process : all.processes)
    processes.push_back(of_process(process));
  return {
      {"name", all.container},
      {"id", all.id},
      {"time", json_of_time(all.time_ms)},
      {"taken_ms", ms(stats.taken)},
      {"cpu", or_null(stats.cpu, of_cpu)},
      {"memory", or_null(stats.memory, of_memory)},
      {"pids", or_null(stats.pids, of_pids)},
      {"disks", or_null(stats.disks, of_disks)},
      {"cpu_pressure", or_null(stats.cpu_pressure, of_pressure)},
      {"memory_pressure", or_null(stats.memory_pressure, of_pressure)},
      {"io_pressure", or_null(stats.io_pressure, of_pressure)},
      {"processes", processes},
  };
}

json json_of(const std::vector<supervisor::container_stats>& all) {
  auto out = json::array();
  for (const auto& stats : all)
    out.push_back(json_of(stats));
  return out;
}

} // namespace reeve::console
