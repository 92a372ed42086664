// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/storm_population.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

namespace reeve::bench {

using namespace std::chrono_literals;
using namespace supervisor;
using kernel::result;

namespace {

// A descriptor for each container and some more, in this process as in reeved.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

config::container_spec spec_of_container(std::size_t i, std::size_t processes) {
  auto out = spec_of(storm_container(i));
  for (std::size_t k = 0; k < processes; ++k) {
    auto sleep = process_of("p" + std::to_string(k), {"/bin/sleep", "1000"});
    sleep.restart.type = config::restart_type::permanent;
    sleep.restart.max_restarts = 1'000'000;
    sleep.restart.window = 1ms;
    sleep.restart.backoff_min = 0ms;
    sleep.restart.backoff_max = 0ms;
    out.processes.push_back(std::move(sleep));
  }
  return out;
}

/// The children of these processes, the dead ones that nobody has collected
/// included.
std::map<pid_t, std::set<pid_t>> children_of(const std::set<pid_t>& parents) {
  std::map<pid_t, std::set<pid_t>> out;
  auto ignored = std::error_code{};
  for (const auto& entry :
       std::filesystem::directory_iterator{"/proc", ignored}) {
    auto in = std::ifstream{entry.path() / "stat"};
    auto line = std::string{};
    auto end_of_name = std::string::npos;
    if (std::getline(in, line))
      end_of_name = line.rfind(") ");
    if (end_of_name == std::string::npos)
      continue; // no process, or no more
    // "pid (name) state parent"
    auto parent = static_cast<pid_t>(std::stol(line.substr(end_of_name + 4)));
    if (parents.count(parent) != 0)
      out[parent].insert(static_cast<pid_t>(std::stol(line)));
  }
  return out;
}

} // namespace

std::string storm_container(std::size_t i) {
  return "storm-" + std::to_string(i);
}

std::string storm_key(const std::string& container,
                      const std::string& process) {
  return container + "/" + process;
}

result<std::size_t> populate_storm(reeve_host& host,
                                   const run_options& options) {
  raise_descriptor_limit();
  std::size_t made = 0;
  for (; made < options.containers && !options.interrupted(); ++made) {
    const create_container order{0, spec_of_container(made, options.processes),
                                 false};
    if (auto ok = host.ask<container_created>(order); !ok)
      return tl::make_unexpected(
          std::move(ok.error())
              .with_context("container " + std::to_string(made + 1)));
  }
  return made;
}

result<std::vector<storm_target>> find_storm_targets(reeve_host& host,
                                                     std::size_t containers,
                                                     std::size_t processes) {
  std::vector<storm_target> out(containers * processes);
  for (std::size_t i = 0; i < containers; ++i) {
    auto box = host.ask<container_details>(get_container{storm_container(i)});
    if (!box)
      return tl::make_unexpected(std::move(box.error()));
    if (box->processes.size() != processes)
      return kernel::make_error(0, "find all processes of",
                                box->info.container);
    for (std::size_t k = 0; k < processes; ++k) {
      const auto& now = box->processes[k];
      if (now.phase != process_phase::running || now.pid <= 0)
        return kernel::make_error(0, "find running",
                                  storm_key(now.container, now.process));
      out[k * containers + i] = {storm_key(now.container, now.process), now.pid,
                                 box->info.pid, now.restarts};
    }
  }
  return out;
}

result<void> check_restarted(const std::vector<storm_target>& before,
                             const std::vector<storm_target>& after) {
  std::map<pid_t, std::set<pid_t>> told;
  std::set<pid_t> holders;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto& now = after[i];
    if (now.pid == before[i].pid || now.restarts != before[i].restarts + 1)
      return kernel::make_error(
          0, "restart once", now.key,
          std::to_string(now.restarts - before[i].restarts) + " restarts, pid "
              + std::to_string(before[i].pid) + " then, now "
              + std::to_string(now.pid));
    told[now.holder].insert(now.pid);
    holders.insert(now.holder);
  }
  if (children_of(holders) != told)
    return kernel::make_error(0, "find in /proc", "what Reeve tells",
                              "the children of the PID 1s are others");
  return {};
}

} // namespace reeve::bench
