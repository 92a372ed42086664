// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_client.hpp"
#include "actors/poller.hpp"
#include "config/daemon_config.hpp"
#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/cgroup_instance.hpp"
#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/id_ranges.hpp"
#include "supervisor/state_store.hpp"
#include "supervisor/unswept_files.hpp"

#include <caf/fwd.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace reeve::supervisor {

class log_outlet;

/// What all actors of one instance share: made once by `runtime`, outlives
/// them. Everything in it may be used from any thread.
///
/// Actors that are replaced when they fail get a pointer of their family's own,
/// to learn when all of it has gone; `shared_from_this` is that of the runtime.
struct services : std::enable_shared_from_this<services> {
  config::daemon_config config;
  std::string boot_id;
  std::shared_ptr<spdlog::logger> log;
  std::unique_ptr<actors::poller> control; ///< sockets of helper processes
  std::unique_ptr<actors::poller> streams; ///< output of user processes
  std::shared_ptr<log_outlet> outlet;      ///< where it is forwarded to
  kernel::cgroup_mounts mounts;
  std::string cgroup_path; ///< of this instance, below each mount
  std::unique_ptr<kernel::cgroup_instance> cgroups;
  std::unique_ptr<id_ranges> ids;
  std::unique_ptr<state_store> store;
  unswept_files unswept;
  actors::zygote_actor zygote;
  actors::mount_broker_actor broker;
  /// How many more may be kept open for statistics: half of all there may be.
  std::shared_ptr<std::atomic<int>> stats_descriptors =
      std::make_shared<std::atomic<int>>(half_of_descriptors());
  std::int64_t started_ms = kernel::unix_ms();
  std::atomic<bool> closing{false}; ///< the runtime stops: nothing new
  std::atomic<bool> leaving{false}; ///< what takes long is for the next daemon

  /// That this process may have; of a million at most.
  [[nodiscard]] static int half_of_descriptors();

  /// The seccomp program for a capability set; compiled once for each.
  [[nodiscard]] kernel::result<std::string>
  seccomp_for(kernel::capability_set caps);

private:
  std::mutex seccomp_mutex_;
  std::map<std::uint64_t, std::string> seccomp_programs_;
};

} // namespace reeve::supervisor
