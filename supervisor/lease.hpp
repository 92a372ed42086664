// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <map>

namespace reeve::supervisor {

/// Who holds something that goes when nobody does. Each holder says so again
/// within `term`; the first one has as long to come. Pure: the clock is passed
/// in.
class lease {
public:
  using clock = std::chrono::steady_clock;

  static constexpr auto term = std::chrono::seconds{15};

  /// Before it begins it is not over.
  void begin(clock::time_point now) {
    until_.erase(nobody);
    if (until_.empty())
      until_[nobody] = now + term;
  }

  void hold(std::uint64_t holder, clock::time_point now);

  /// It has gone, and does not let us wait for its term.
  void release(std::uint64_t holder);

  [[nodiscard]] bool is_over(clock::time_point now) const;

  [[nodiscard]] bool is_held_by(std::uint64_t holder,
                                clock::time_point now) const;

  /// When that may change by itself.
  [[nodiscard]] clock::time_point next() const;

private:
  static constexpr std::uint64_t nobody = 0; ///< who is still to come

  std::map<std::uint64_t, clock::time_point> until_{
      {nobody, clock::time_point::max()}};
};

} // namespace reeve::supervisor
