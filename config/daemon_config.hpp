// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/supervision_policy.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

/// The ids that this instance may give to containers. Each container owns a
/// range of 65536 uids and gids; the range 0 starts at `first`.
struct id_config {
  /// A multiple of 65536. The default is far above the ranges that
  /// /etc/subuid gives out.
  std::uint32_t first = 1'000'013'824;
  /// Ranges, each for one container.
  std::uint32_t count = 16'384;
  /// Directory where the instances on this host claim ranges, so that no two
  /// give out the same. Durable, as the files that bear the ids are.
  std::string registry = "/var/lib/reeve-ids";

  bool operator==(const id_config&) const = default;
};

enum class log_level : std::uint8_t { trace, debug, info, warning, error, off };

enum class log_sink : std::uint8_t { console, file, journald };

/// The daemon's own log.
struct daemon_log {
  log_level level = log_level::info;
  log_sink sink = log_sink::console;
  /// Only with `log_sink::file`.
  std::optional<std::string> path;
  /// One JSON object per line.
  bool json = false;
  /// Socket of the journal, for output that is forwarded to it.
  std::string journal = "/run/systemd/journal/socket";

  bool operator==(const daemon_log&) const = default;
};

/// How long a step may take before it counts as hung.
struct deadlines {
  /// From the order to a holder until the process has been exec'd.
  std::chrono::milliseconds start{10'000};
  /// From SIGKILL until everything has ended, and for freezing and thawing.
  std::chrono::milliseconds kill{10'000};
  /// One order to the zygote or the mount broker, which is killed then.
  std::chrono::milliseconds mount{10'000};

  bool operator==(const deadlines&) const = default;
};

/// Configuration of one instance of Reeve: `reeved`, or one embedded in
/// another program.
struct daemon_config {
  /// Durable state.
  std::string state_dir = "/var/lib/reeve";
  /// Sockets and runtime ids; empty after a boot.
  std::string run_dir = "/run/reeve";

  /// Absent: `reeved.sock` in `run_dir`, see `socket_of`.
  std::optional<std::string> socket;
  /// Group, by name or number, that may open the socket.
  std::optional<std::string> socket_group;
  /// Who is admitted. An admitted user is as good as root.
  std::vector<std::uint32_t> admit_uids{0};
  std::vector<std::uint32_t> admit_gids;

  /// Cgroup below which all of ours are made; empty: the root.
  std::string cgroup_parent;
  /// Holders kept ready.
  unsigned pool_size = 4;
  id_config ids;
  daemon_log log;
  /// Absent: the `reeve-holder` that was installed with the program.
  std::optional<std::string> holder_path;
  config::deadlines deadlines;
  revival_policy revival;

  bool operator==(const daemon_config&) const = default;
};

/// The socket in force.
[[nodiscard]] std::string socket_of(const daemon_config& cfg);

/// Moves state and run directories below `dir`, as `--root` and `REEVE_ROOT`
/// ask for.
[[nodiscard]] daemon_config with_root(daemon_config cfg, std::string_view dir);

} // namespace reeve::config
