// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/namespace_holder.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "supervisor/file_sweeper.hpp"
#include "supervisor/services.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace reeve::supervisor {

/// What has to be known to make a container's cgroups, namespaces and PID 1
/// before its image is looked at.
struct kit_request {
  /// Both empty for a new container; those of the record for a restart.
  std::string id;
  id_base uid_base = 0;
  /// The groups of the container that it is to be in; empty: of none.
  std::string within;
  std::array<kernel::zygote::ns_mode, kernel::zygote::ns_kinds> modes{};
  std::vector<actors::shared_fd> joined;
  kernel::capability_set capabilities;
  bool seccomp = true;
  bool privileged = false;
  std::vector<std::string> masked_paths;
  std::vector<std::string> read_only_paths;

  bool operator==(const kit_request&) const = default;
};

/// Everything of a container but its root file system: warm or just made.
struct kit {
  std::string id;
  id_base uid_base = 0;
  std::int32_t holder_pid = 0;
  std::uint64_t holder_start_time = 0;
  actors::shared_fd holder_pidfd;
  actors::shared_fd limits_socket;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  kernel::oom_counts oom; ///< when it was made
  actors::namespace_holder_actor holder;
  /// Else they are those of a container that exists, and stay when it goes.
  bool owns_ids = true;
  /// Set by who takes it: a kit of the pool that is dropped without goes back
  /// there, so that one whose taker has died or does not wait leaves nothing.
  bool is_claimed = false;
  unsigned returns = 0; ///< how often it came back
};

using shared_kit = std::shared_ptr<kit>;

/// Kits that came back. Who drops one writes it here and then wakes the pool,
/// so that neither a pool that fails nor one that has failed forgets any.
///
/// Any thread.
class dropped_kits {
public:
  void add(std::unique_ptr<kit> what);

  [[nodiscard]] std::vector<std::unique_ptr<kit>> take_all();

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<kit>> all_;
};

/// Takes a warm kit if the request is the usual one, else makes one.
struct take_kit {
  kit_request request;
};

/// There is something new among the dropped kits: what they hold is to end.
struct discard_dropped {};

/// Starts to keep kits ready: only when adoption is over, since what nobody
/// owns is swept then.
struct fill_pool {};

struct get_pool_stats {};

struct pool_stats {
  std::uint32_t ready = 0;
  std::uint32_t size = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

/// Ends all warm holders; nothing is made until it is filled again.
struct drain_pool {};
struct pool_drained {};

/// Keeps `pool_size` kits ready and makes those that the pool does not serve
/// (joined, nested, privileged, other capabilities), by the same steps.
///
/// Runs on a thread of its own, because making cgroups takes the kernel's
/// cgroup lock; making goes on in the background, one kit at a time.
using holder_pool_actor =
    caf::typed_actor<caf::replies_to<take_kit>::with<shared_kit>,
                     caf::reacts_to<fill_pool>, caf::reacts_to<discard_dropped>,
                     caf::replies_to<get_pool_stats>::with<pool_stats>,
                     caf::replies_to<drain_pool>::with<pool_drained>>;

/// Kits that are dropped without use go to `dropped`, where the next pool finds
/// them, and `front` hears of it, who passes it on.
holder_pool_actor spawn_holder_pool(caf::actor_system& sys,
                                    std::shared_ptr<services> with,
                                    file_sweeper_actor sweeper,
                                    std::shared_ptr<dropped_kits> dropped,
                                    caf::weak_actor_ptr front);

/// The request that a spec without special wishes leads to.
[[nodiscard]] kit_request default_request();

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::take_kit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::shared_kit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::discard_dropped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::fill_pool)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::get_pool_stats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::pool_stats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::drain_pool)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::pool_drained)
