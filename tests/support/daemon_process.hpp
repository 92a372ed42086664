// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/support/api_client.hpp"
#include "tests/support/leak_guard.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reeve::tests {

/// In what a daemon differs from the usual one.
struct daemon_options {
  unsigned pool_size = 1;
  /// Size of an ext4 of its own that nobody but the daemon and its containers
  /// has mounted; 0: none. See `has_loop_devices`.
  unsigned disk_mib = 0;
  std::string disk_at = "state";         ///< below the root
  std::string keys;                      ///< of its file, a line each
  std::string log = "level = \"error\""; ///< the table `log` of its file
  std::vector<std::string> environment;  ///< KEY=VALUE, beside ours
  int standard_error = -1;               ///< borrowed; -1: ours
  int standard_output = -1;              ///< the same
};

/// True if a disk can be made out of a file here; skips if not.
[[nodiscard]] bool has_loop_devices();

/// A real `reeved` on a temporary root, and a connection to it. Its end
/// destroys all containers, stops the daemon and looks for anything left.
class daemon_process : public api_client {
public:
  explicit daemon_process(daemon_options options = {});
  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;
  ~daemon_process();

  [[nodiscard]] const std::string& root() const {
    return root_;
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  /// Of the next one that is started.
  [[nodiscard]] daemon_options& options() {
    return options_;
  }

  /// The directory where its disk is mounted, on a way that the test can go.
  [[nodiscard]] std::string disk() const;

  /// SIGKILL, and reaps it.
  void kill();

  /// SIGTERM or its like; returns the status of wait(2). Containers go on.
  int stop(int signo);

  /// Starts another one on the same root and connects to it.
  void start();

  /// The same with one that may refuse or fail to start: false if it has ended.
  bool try_start();

  /// Again, where a connection was lost and the process was not.
  void connect();

  /// Sends without waiting for the answer; returns when it is on its way.
  template <class Request>
  void tell(const Request& what) {
    caf::anon_send(api_, what);
  }

  /// Starts another one that is killed after that time, whatever it does then.
  void start_for(std::chrono::microseconds time);

  /// What a reeved on this root writes to standard error, and its status: for
  /// one that is expected to refuse.
  struct refused_start {
    int status = -1;
    std::string text;
  };
  refused_start try_another();

private:
  class client_system;

  void disconnect();
  void connect_unless(const std::function<bool()>& is_futile);

  [[nodiscard]] std::vector<std::string> command() const;

  leak_guard guard_;
  daemon_options options_;
  std::string root_;
  std::string config_file_;
  pid_t pid_ = -1;
  std::unique_ptr<client_system> client_;
  supervisor::api_actor api_;
};

} // namespace reeve::tests
