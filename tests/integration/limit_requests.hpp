// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/integration/output_so_far.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/patience.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// What tests of limits ask of Reeve, and measure.
namespace reeve::tests {

inline constexpr auto mib = std::uint64_t{1} << 20U;

/// What Reeve says is in force.
inline std::string limit_of(api_client& reeve, const std::string& name,
                            const std::string& key) {
  auto all =
      reeve
          .ask<supervisor::limits_in_force>(supervisor::get_limits{name, {key}})
          .limits;
  REQUIRE(all.size() == 1);
  return all.front().value;
}

inline void set(api_client& reeve, const std::string& name,
                std::vector<std::pair<std::string, std::string>> values) {
  reeve.ask<supervisor::limits_in_force>(
      supervisor::set_limits{name, std::move(values)});
}

/// A file of a container's limits, of the group above all containers of a test.
inline std::string file_above_all(const std::filesystem::path& of_container) {
  auto dir = of_container.parent_path().parent_path();
  if (is_cgroup2()) // there is one between
    dir = dir.parent_path();
  REQUIRE(dir.filename().string().starts_with("reeve-"));
  return (dir / of_container.filename()).string();
}

/// Its pid, once it has so much memory. In an image with the probe.
inline pid_t allocate(api_client& reeve, const std::string& name,
                      const char* mebibytes) {
  auto hog = api_client::process("hog", {"probe", "allocate", mebibytes});
  auto pid = reeve.run(name, hog).pid;
  eventually("the memory is allocated", [&] {
    return output_so_far(reeve, name, "hog") == "allocated\n";
  });
  return pid;
}

/// Processors' worth of time that the container "box" took while one process
/// of it ran on for six seconds.
inline double processors_used(api_client& reeve, const std::string& process,
                              pid_t pid) {
  auto before = processor_time(pid);
  auto start = std::chrono::steady_clock::now();
  // Nothing else can be waited for but the time that is measured.
  reeve.ask<supervisor::process_is>(
      supervisor::wait_process{"box", process, 6000});
  auto used = static_cast<double>(processor_time(pid) - before);
  auto wall = static_cast<double>(
      std::chrono::nanoseconds{std::chrono::steady_clock::now() - start}
          .count());
  REQUIRE(wall > 5e9);
  return used / wall;
}

} // namespace reeve::tests
