// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/services.hpp"
#include "supervisor/user_process.hpp"

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace reeve::supervisor {

/// There may be output again.
struct forward_output {};

/// Passes one stream of one process on to the journal or our standard output,
/// line by line: a follower like any other, but that it holds the process back
/// only where `log.overflow` says so. How far it has come is in a file beside
/// the log, so that the next daemon goes on there: at worst it repeats what
/// was just being passed on.
///
/// Spawned by a `user_process` and ends with it. No handler blocks.
using output_forwarder_actor = caf::typed_actor<caf::reacts_to<forward_output>>;

struct output_forwarder_options {
  std::shared_ptr<services> with;
  user_process_actor from;
  std::string container;
  std::string process;
  output_stream_id stream = output_stream_id::out;
  config::log_spec log;
  std::string cursor; ///< path of the file
  /// Called in the actor: so many bytes were lost, since we were too slow.
  std::function<void(std::uint64_t)> on_loss;
};

output_forwarder_actor spawn_output_forwarder(caf::actor_system& sys,
                                              output_forwarder_options how);

} // namespace reeve::supervisor
