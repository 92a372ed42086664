// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/runtime.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/leak_guard.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/system_config.hpp"

#include <caf/actor_system.hpp>

#include <memory>
#include <string>

namespace reeve::tests {

/// One Reeve of its own on the real kernel: a temporary root directory, an
/// actor system and a runtime in this process. Its end stops and destroys all
/// containers, deletes the directory and looks for anything left on the host.
class instance : public api_client {
public:
  explicit instance(unsigned pool_size = 1);
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;
  ~instance();

  [[nodiscard]] const std::string& root() const {
    return root_;
  }

  [[nodiscard]] config::daemon_config& config() {
    return config_;
  }

  [[nodiscard]] const supervisor::local_api_actor& api() const {
    return runtime_->api();
  }

  [[nodiscard]] caf::actor_system& system() {
    return *system_;
  }

  /// Ends the runtime as a crash of the daemon would, containers untouched,
  /// and starts another one on the same directories.
  void restart();

  /// Only the end, then only the start, for what has to happen in between.
  void go_down();
  void come_up();

private:
  leak_guard guard_;
  std::string root_;
  config::daemon_config config_;
  system_config system_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<supervisor::runtime> runtime_;
};

} // namespace reeve::tests
