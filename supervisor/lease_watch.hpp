// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <caf/actor_addr.hpp>

#include <map>
#include <set>
#include <string>
#include <utility>

namespace reeve::supervisor {

/// Which clients hold which containers, and which pauses of some, for who hears
/// of a client's end.
class lease_watch {
public:
  using leases = std::set<std::pair<std::string, std::uint64_t>>;

  struct all_of_client {
    leases containers;
    leases pauses;
  };

  /// True if nothing was known of the client: it is to be monitored.
  [[nodiscard]] bool note(const caf::actor_addr& client,
                          const hold_container& what) {
    auto [at, is_new] = held_.try_emplace(client);
    at->second.containers.emplace(what.container, what.holder);
    return is_new;
  }

  [[nodiscard]] bool note(const caf::actor_addr& client,
                          const pause_container& what) {
    auto [at, is_new] = held_.try_emplace(client);
    at->second.pauses.emplace(what.container, what.holder);
    return is_new;
  }

  void note(const caf::actor_addr& client, const release_container& what) {
    if (auto found = held_.find(client); found != held_.end())
      found->second.containers.erase({what.container, what.holder});
  }

  void note(const caf::actor_addr& client, const resume_container& what) {
    if (auto found = held_.find(client); found != held_.end())
      found->second.pauses.erase({what.container, what.holder});
  }

  /// What it held, and forgets it.
  [[nodiscard]] all_of_client end_of(const caf::actor_addr& client) {
    auto found = held_.extract(client);
    return found ? std::move(found.mapped()) : all_of_client{};
  }

private:
  std::map<caf::actor_addr, all_of_client> held_;
};

} // namespace reeve::supervisor
