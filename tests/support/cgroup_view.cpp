// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/cgroup_view.hpp"

#include "tests/support/kernel_view.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace reeve::tests {

namespace {

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

std::string groups_file_of(pid_t pid) {
  return read_file("/proc/" + std::to_string(pid) + "/cgroup");
}

/// Of the line "ID:CONTROLLER:PATH"; v2's has neither id nor controller.
std::string group_of(pid_t pid, const std::string& controller) {
  std::istringstream in{groups_file_of(pid)};
  auto wanted = ":" + controller + ":";
  for (std::string line; std::getline(in, line);)
    if (auto at = line.find(wanted); at != std::string::npos)
      return line.substr(at + wanted.size());
  throw std::runtime_error("process " + std::to_string(pid)
                           + " is in no group of the controller " + controller);
}

std::string whole(const std::string& path) {
  auto text = read_file(path);
  if (text.empty())
    throw std::runtime_error("nothing in " + path);
  return text;
}

std::uint64_t number(const std::string& text) {
  return text.starts_with("max") || text.starts_with("-1") ? unlimited
                                                           : std::stoull(text);
}

std::uint64_t number_in(const std::string& path) {
  return number(whole(path));
}

/// v1 has the largest number of whole pages for "no limit".
std::uint64_t memory_limit(pid_t pid) {
  auto bytes = number_in(
      limits_file(pid, "memory", "memory.limit_in_bytes", "memory.max"));
  return bytes > std::uint64_t{1} << 62U ? unlimited : bytes;
}

std::uint64_t cpu_limit(pid_t pid) {
  constexpr auto thousandths = 1000;
  auto file = limits_file(pid, "cpu", "cpu.cfs_quota_us", "cpu.max");
  std::istringstream in{whole(file)};
  std::string quota;
  std::uint64_t period = 0;
  in >> quota >> period; // v1 has it in a file of its own
  if (!is_cgroup2())
    period = number_in(limits_file(pid, "cpu", "cpu.cfs_period_us", ""));
  auto value = number(quota);
  return value == unlimited ? value : value * thousandths / period;
}

/// cpu.shares are 1024 where a weight is 100. On v2 it is that of the container
/// among others, not of its processes beside its holder.
std::uint64_t cpu_weight(pid_t pid) {
  auto value =
      number_in(limits_file(pid, "cpu", "cpu.shares", "../cpu.weight"));
  return is_cgroup2() ? value : value * 100 / 1024;
}

} // namespace

std::uint64_t field_in(const std::string& path, const std::string& name) {
  std::istringstream in{whole(path)};
  std::string key;
  for (std::uint64_t value = 0; in >> key >> value;)
    if (key == name)
      return value;
  throw std::runtime_error("no " + name + " in " + path);
}

bool is_cgroup2() {
  static const auto answer = [] {
    // Of this process itself: a hierarchy of v1 with controllers is a line with
    // their names.
    std::istringstream in{read_file("/proc/self/cgroup")};
    for (std::string line; std::getline(in, line);)
      if (line.find(":memory:") != std::string::npos)
        return false;
    return true;
  }();
  return answer;
}

std::string limits_file(pid_t pid, const std::string& v1_controller,
                        const std::string& v1_file,
                        const std::string& v2_file) {
  if (!is_cgroup2())
    return "/sys/fs/cgroup/" + v1_controller + group_of(pid, v1_controller)
           + "/" + v1_file;
  auto group = std::filesystem::path{group_of(pid, "")};
  if (group.filename() == "run")
    group = group.parent_path();
  return "/sys/fs/cgroup" + (group / v2_file).string();
}

std::uint64_t kernel_limit(pid_t pid, const std::string& key) {
  if (key == "memory.limit")
    return memory_limit(pid);
  if (key == "cpu.limit")
    return cpu_limit(pid);
  if (key == "cpu.weight")
    return cpu_weight(pid);
  if (key == "pids.limit")
    return number_in(limits_file(pid, "pids", "pids.max", "pids.max"));
  throw std::invalid_argument(key);
}

std::uint64_t memory_peak(pid_t pid) {
  return number_in(
      limits_file(pid, "memory", "memory.max_usage_in_bytes", "memory.peak"));
}

std::uint64_t tasks_now(pid_t pid) {
  return number_in(limits_file(pid, "pids", "pids.current", "pids.current"));
}

std::uint64_t processor_time(pid_t pid) {
  constexpr auto nanoseconds = 1000;
  auto file = limits_file(pid, "cpuacct", "cpuacct.usage", "cpu.stat");
  return is_cgroup2() ? field_in(file, "usage_usec") * nanoseconds
                      : number_in(file);
}

bool is_frozen(pid_t pid) {
  auto file = limits_file(pid, "freezer", "freezer.state", "cgroup.events");
  return is_cgroup2() ? field_in(file, "frozen") == 1
                      : whole(file) == "FROZEN\n";
}

void let_wait_for_memory(pid_t pid) {
  auto path = limits_file(pid, "memory", "memory.oom_control", "memory.high");
  std::ofstream out{path};
  if (is_cgroup2())
    out << kernel_limit(pid, "memory.limit") / 2;
  else
    out << 1; // oom_kill_disable
  if (!out.flush())
    throw std::runtime_error("cannot write " + path);
}

bool waits_for_memory(pid_t pid) {
  auto file = limits_file(pid, "memory", "memory.oom_control", "memory.events");
  return field_in(file, is_cgroup2() ? "high" : "under_oom") > 0;
}

bool is_outside_limits(pid_t holder) {
  if (is_cgroup2())
    return group_of(holder, "").ends_with("/hold");
  auto controllers = {"cpu", "memory", "pids", "freezer"};
  return std::all_of(controllers.begin(), controllers.end(), [&](auto* which) {
    return group_of(holder, which).ends_with("/holders");
  });
}

} // namespace reeve::tests
