// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Two actors that change one number: a race for ThreadSanitizer to find in
// spite of all that tests/support/caf_order.cpp tells it.

#include "tests/support/system_config.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <iostream>
#include <memory>

int main() {
  auto number = std::make_shared<int>(0);
  {
    reeve::tests::system_config config;
    caf::actor_system system{config};
    auto spawn = [&] {
      return system.spawn<caf::detached>([number](caf::event_based_actor*) {
        return caf::behavior{[number](int more) { *number += more; }};
      });
    };
    auto one = spawn();
    auto other = spawn();
    for (auto i = 0; i < 1000; ++i) {
      caf::anon_send(one, 1);
      caf::anon_send(other, 1);
    }
  }
  std::cout << *number << '\n';
}
