// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/daemon_config.hpp"
#include "kernel-iface/result.hpp"
#include "supervisor/api.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace reeve::supervisor {

/// What becomes of the containers when the runtime ends in an orderly way.
enum class farewell : std::uint8_t {
  keep, ///< they go on; the next runtime on the same directories adopts them
  stop, ///< each is stopped and, if it was made with `remove_on_exit`, removed
};

/// Reeve inside a program: the actors, their helper processes and the state on
/// disk of one instance. `reeved` hosts one; so may any service that has a CAF
/// actor system, whatever its scheduler:
///
///     auto rt = reeve::supervisor::runtime::start(sys, cfg);
///     self->request(rt->api(), 10s, create_container{0, spec}).then(...);
///
/// A good guest: installs no signal handler, waits for no process but its own,
/// changes neither working directory nor umask nor locale. Needs root.
///
/// Must end before the actor system does.
class runtime {
public:
  /// Takes the instance's lock (EBUSY with the owner's pid if it is taken),
  /// adopts what an earlier runtime has left and ends what nobody owns, whose
  /// files are deleted later. Blocks for as long as that takes, at most a few
  /// seconds.
  [[nodiscard]] static kernel::result<std::unique_ptr<runtime>>
  start(caf::actor_system& sys, const config::daemon_config& cfg);

  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// As `stop(farewell::keep)` if `stop` was not called.
  ~runtime();

  /// What everybody talks to. Stays valid until `stop`.
  [[nodiscard]] const local_api_actor& api() const;

  /// Opens the log file anew, after a rotation.
  void reopen_log();

  /// Stops all actors within the deadline. Blocks. Files of removed containers
  /// that are not deleted in five seconds of it are left to the next start.
  void stop(farewell how,
            std::chrono::milliseconds deadline = std::chrono::seconds{20});

private:
  struct parts;

  explicit runtime(std::unique_ptr<parts> with);

  std::unique_ptr<parts> parts_;
};

/// Adds the message types to an actor system's configuration; `scheduler`
/// settings that suit Reeve are the caller's choice.
void add_message_types(caf::actor_system_config& cfg);

} // namespace reeve::supervisor
