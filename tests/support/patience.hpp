// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdlib>

namespace reeve::tests {

/// A time that a test grants, longer on a slow machine: REEVE_TEST_SLOWNESS
/// says how many times slower than usual it is.
template <class Duration>
[[nodiscard]] Duration patiently(Duration usual) {
  const auto* times = std::getenv("REEVE_TEST_SLOWNESS");
  auto factor = times != nullptr ? std::atoi(times) : 1;
  return usual * (factor > 1 ? factor : 1);
}

} // namespace reeve::tests
