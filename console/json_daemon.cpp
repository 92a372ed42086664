// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/json.hpp"

#include <nlohmann/json.hpp>

namespace reeve::console {

json json_of(const supervisor::image_info& info) {
  return {{"image", info.image}, {"path", info.path}};
}

json json_of(const std::vector<supervisor::image_info>& all) {
  auto out = json::array();
  for (const auto& info : all)
    out.push_back(json_of(info));
  return out;
}

json json_of(const supervisor::daemon_info& info) {
  return {
      {"version", info.version},
      {"pid", info.pid},
      {"state_dir", info.state_dir},
      {"run_dir", info.run_dir},
      {"cgroup_mode", info.cgroup_mode},
      {"cgroup", info.cgroup},
      {"pool",
       {{"ready", info.pool_ready},
        {"size", info.pool_size},
        {"hits", info.pool_hits},
        {"misses", info.pool_misses}}},
      {"containers", info.containers},
      {"started", json_of_time(info.started_ms)},
  };
}

} // namespace reeve::console
