// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/file_sweeper.hpp"

#include "kernel-iface/delete_tree.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <utility>

namespace reeve::supervisor {

namespace {

file_sweeper_actor::behavior_type
behavior(file_sweeper_actor::pointer, const std::shared_ptr<services>& with) {
  return {
      [with](const sweep_files& msg) {
        auto done = kernel::delete_tree(with->store->directory_of(msg.id));
        if (!done)
          with->log->error("{}", to_string(done.error()));
        else if (msg.ids != 0)
          with->ids->give_back(msg.ids);
      },
      [](finish_sweeping) { return sweeping_finished{}; },
  };
}

} // namespace

file_sweeper_actor spawn_file_sweeper(caf::actor_system& sys,
                                      std::shared_ptr<services> with) {
  return sys.spawn<caf::detached>(behavior, std::move(with));
}

} // namespace reeve::supervisor
