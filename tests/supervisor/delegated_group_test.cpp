// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/delegated_group.hpp"

#include "tests/support/catch.hpp"

using reeve::supervisor::delegated_group;

TEST_CASE("delegated_group: containers go beside the leaf that the manager has "
          "put the daemon into",
          "[supervisor][unit]") {
  CHECK(delegated_group("0::/system.slice/reeved.service/reeved\n")
        == "/system.slice/reeved.service");
}

TEST_CASE("delegated_group: without a leaf of ours nothing was delegated",
          "[supervisor][unit]") {
  CHECK(delegated_group("").empty());
  CHECK(delegated_group("0::/\n").empty());
  CHECK(delegated_group("0::/reeved\n").empty());
  CHECK(delegated_group("0::/user.slice/session-1.scope\n").empty());
  CHECK(delegated_group("0::/system.slice/reeved.service\n").empty());
  // Hybrid: what systemd delegates there has no controllers.
  CHECK(delegated_group("1:name=systemd:/system.slice/reeved.service\n"
                        "0::/system.slice/reeved.service/reeved\n")
            .empty());
}
