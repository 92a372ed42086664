// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_messages.hpp"
#include "actors/packet_channel.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/holder_protocol.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reeve::actors {

struct seal_holder {
  kernel::holder::seal_order order;
};

struct configure_holder {
  kernel::holder::configure_order order;
};

struct holder_configured {};

/// `passed` holds three descriptors for `stdio_mode::passed`.
struct spawn_process {
  kernel::holder::spawn_order order;
  std::vector<shared_fd> passed;
};

/// What became of a spawn: with `error` 0 the program runs; descriptors that it
/// does not have are empty.
struct process_spawned {
  std::uint64_t process = 0;
  std::int32_t error = 0; ///< errno of the step that failed
  kernel::holder::spawn_step failed_step = kernel::holder::spawn_step::fork;
  std::string failed_subject;
  /// PID 1 keeps the failure until it is acknowledged, as it does an end.
  bool is_kept = false;
  /// There are descriptors that did not reach us: see `describe_process`.
  bool is_bare = false;
  std::int32_t ns_pid = 0;
  shared_fd pidfd;
  shared_fd stdin_end;
  shared_fd stdout_end;
  shared_fd stderr_end;
  shared_fd master;
};

struct signal_holder_process {
  kernel::holder::signal_order order;
};

struct resize_holder_terminal {
  kernel::holder::resize_order order;
};

/// The holder closes its copies of a process's descriptors.
struct release_streams {
  kernel::holder::release_order order;
};

struct acknowledge_end {
  std::uint64_t process = 0;
};

/// PID 1 keeps another text for a process than it was spawned with.
struct annotate_process {
  kernel::holder::annotate_order order;
};

/// PID 1 tells of a process again, and passes its descriptors. `not_found` if
/// it cannot, now and later: it does not know the process, or the order.
struct describe_process {
  kernel::holder::describe_order order;
};

/// PID 1 exits and takes everything in its pid namespace with it.
struct quit_holder {};

struct holder_done {};

/// One process that a holder knows; see kernel-iface/holder_protocol.hpp.
struct known_process {
  kernel::holder::process_state_report state;
  process_spawned handles;
};

/// What a holder knew when it was connected to: empty for a new one.
struct holder_inventory {
  bool configured = false;
  std::vector<known_process> processes;
};

struct get_inventory {};

/// What a holder tells without being asked. The callbacks run in the holder
/// actor: they only send messages.
struct holder_listener {
  std::function<void(std::uint64_t process,
                     const kernel::holder::end_of_process& end)>
      on_ended;
  /// A start was answered that nobody waits for any more, or that an earlier
  /// daemon had asked for.
  std::function<void(process_spawned)> on_late_start;
  /// A process has said through its `ready_fd` that it is ready.
  std::function<void(std::uint64_t process)> on_ready;
  std::function<void(const std::string& reason)> on_lost;
};

/// From the container that takes over a warm holder: who is told from now on.
struct listen_to_holder {
  holder_listener to;
};

/// Owns the control socket to one container's PID 1 and turns its protocol
/// into messages. Everything that comes from there is checked: a holder shares
/// its container with hostile code.
///
/// Spawned by the pool or by the `container` actor that adopts. Ends when the
/// socket closes, as soon as a listener was told by `on_lost`; or when nobody
/// has its handle any more. No handler blocks; a request fails with
/// `errc::timed_out` at its deadline and with `errc::gone` when PID 1 dies.
/// Who asks an actor that has ended gets `caf::sec::request_receiver_down`,
/// which `code_of` takes for `errc::gone`, too.
using namespace_holder_actor = caf::typed_actor<
    caf::replies_to<get_inventory>::with<holder_inventory>,
    caf::replies_to<seal_holder>::with<holder_done>,
    caf::replies_to<configure_holder>::with<holder_configured>,
    caf::replies_to<spawn_process>::with<process_spawned>,
    caf::replies_to<signal_holder_process>::with<holder_done>,
    caf::replies_to<resize_holder_terminal>::with<holder_done>,
    caf::replies_to<describe_process>::with<known_process>,
    caf::reacts_to<release_streams>, caf::reacts_to<listen_to_holder>,
    caf::reacts_to<acknowledge_end>, caf::reacts_to<annotate_process>,
    caf::reacts_to<quit_holder>>;

struct holder_options {
  shared_fd control;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  std::chrono::milliseconds deadline{10'000};
  std::shared_ptr<const void> keep_alive; ///< what the poller belongs to
};

/// `watch` must outlive the actor.
namespace_holder_actor spawn_namespace_holder(caf::actor_system& sys,
                                              poller& watch,
                                              holder_options how);

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::seal_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::configure_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_configured)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::spawn_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::process_spawned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::signal_holder_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::resize_holder_terminal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::release_streams)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::acknowledge_end)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::annotate_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::describe_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::known_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::quit_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::listen_to_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::get_inventory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_inventory)
