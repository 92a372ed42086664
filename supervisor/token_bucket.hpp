// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <algorithm>
#include <chrono>

namespace reeve::supervisor {

/// So many at once, and then one in each `pause`. A function of the time that
/// it is given.
class token_bucket {
public:
  using clock = std::chrono::steady_clock;

  token_bucket(int most, clock::duration pause) : most_(most), pause_(pause) {}

  /// False: it has to wait until `next`.
  [[nodiscard]] bool take(clock::time_point now) {
    if (now < next())
      return false;
    // Full is who has taken none for long.
    full_at_ = std::max(full_at_, now) + pause_;
    return true;
  }

  [[nodiscard]] clock::time_point next() const {
    return full_at_ - (most_ - 1) * pause_;
  }

private:
  int most_;
  clock::duration pause_;
  clock::time_point full_at_; ///< if none is taken any more
};

} // namespace reeve::supervisor
