// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/measurement.hpp"

namespace reeve::bench {

/// Runs from its making.
class stopwatch {
public:
  [[nodiscard]] duration elapsed() const {
    return std::chrono::steady_clock::now() - start_;
  }

private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

} // namespace reeve::bench
