// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/leak_guard.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"

#include <optional>

namespace reeve::tests {

namespace {

// Tests run one after another in one thread.
unsigned guards = 0;
std::optional<host_snapshot> before;

} // namespace

leak_guard::leak_guard() {
  if (guards++ > 0)
    return;
  forget_noted_groups();
  before = host_snapshot::take();
}

leak_guard::~leak_guard() {
  if (--guards > 0)
    return;
  auto left = leaked_since(*before);
  if (!left.empty())
    FAIL_CHECK("left behind:\n" + left);
}

} // namespace reeve::tests
