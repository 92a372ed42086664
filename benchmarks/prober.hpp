// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/measurement.hpp"
#include "kernel-iface/result.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

namespace reeve::bench {

/// Asks a question again and again, from a thread of its own, at fixed moments:
/// so many that percentiles mean something, so few that the asking is no load.
///
/// A question whose moment passes while the one before has no answer yet is
/// asked late, and its time counts from that moment. Otherwise one answer that
/// takes a second would be one bad sample, where everybody who had asked within
/// that second would have waited.
class prober {
public:
  /// Asks the `turn`-th time and waits for the answer.
  using question =
      std::function<kernel::result<void>(caf::scoped_actor&, std::size_t turn)>;

  static constexpr auto period = std::chrono::milliseconds{5};

  /// Begins at once. `sys` must outlive it.
  prober(caf::actor_system& sys, question what);

  prober(const prober&) = delete;
  prober& operator=(const prober&) = delete;
  ~prober();

  /// Ends when what should have been asked until now is answered. The times, or
  /// the first answer that was an error.
  [[nodiscard]] kernel::result<std::vector<duration>> finish();

private:
  using clock = std::chrono::steady_clock;

  void run(caf::actor_system& sys, const question& what);
  void end();

  std::atomic<clock::rep> until_{std::numeric_limits<clock::rep>::max()};
  kernel::result<std::vector<duration>> times_;
  std::thread thread_;
};

} // namespace reeve::bench
