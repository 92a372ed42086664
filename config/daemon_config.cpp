// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/daemon_config.hpp"

namespace reeve::config {

std::string socket_of(const daemon_config& cfg) {
  return cfg.socket ? *cfg.socket : cfg.run_dir + "/reeved.sock";
}

daemon_config with_root(daemon_config cfg, std::string_view dir) {
  while (dir.ends_with('/'))
    dir.remove_suffix(1);
  cfg.state_dir = std::string{dir} + "/state";
  cfg.run_dir = std::string{dir} + "/run";
  return cfg;
}

} // namespace reeve::config
