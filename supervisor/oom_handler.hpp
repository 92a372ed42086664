// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cgroup_controller.hpp"
#include "actors/poller.hpp"
#include "config/oom_policy.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "supervisor/api.hpp"
#include "supervisor/oom_witness.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace reeve::supervisor {

/// From now on; also told after each change of the limit. The pause of the
/// kernel is set by whoever sets the limit.
struct handle_oom {
  config::oom_policy policy; ///< not `kill`
};

/// Carries out the policy of one container that is out of memory. While it acts
/// tasks of the container wait for it: on v1 all that need memory, on v2 they
/// are slowed down, see kernel-iface/cgroup_oom.hpp; whoever is asked has a
/// deadline. What may block is done on a thread of its own.
///
/// What it stops on v2 goes on when it ends, however that is.
using oom_handler_actor =
    caf::typed_actor<caf::reacts_to<handle_oom>,
                     caf::replies_to<get_oom>::with<oom_status>,
                     caf::replies_to<decide_oom>::with<oom_status>>;

/// What the container has to know.
struct oom_report {
  std::string happened;       ///< for an event; empty: none
  std::int64_t answer_by = 0; ///< ms since the epoch; 0: nobody is asked
  /// What is started now would wait for memory as well, join a group that
  /// stands still, or be killed with the others.
  bool holds_starts = false;
};

struct oom_options {
  std::shared_ptr<const void> keep_alive; ///< what `watch` is part of
  std::string container;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  actors::cgroup_controller_actor controller;
  std::shared_ptr<oom_witness> witness; ///< knows whom we have killed
  actors::poller* watch = nullptr;
  std::shared_ptr<spdlog::logger> log;
  std::function<void(oom_report)> on_report; ///< any thread
};

oom_handler_actor spawn_oom_handler(caf::actor_system& sys, oom_options how);

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::handle_oom)
