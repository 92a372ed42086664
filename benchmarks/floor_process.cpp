// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The floors of exec and restart: both start a static busybox.

#include "benchmarks/floor.hpp"
#include "benchmarks/stopwatch.hpp"
#include "benchmarks/straight_process.hpp"

#include <string>
#include <utility>

namespace reeve::bench {

using kernel::make_error;
using kernel::result;

result<duration> exec_floor(workshop&) {
  const auto watch = stopwatch{};
  auto pid = spawn_busybox("true", nullptr);
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  auto status = collect(*pid);
  const auto took = watch.elapsed();
  if (!status)
    return tl::make_unexpected(std::move(status.error()));
  if (*status != 0)
    return make_error(0, "run busybox true",
                      "wait status " + std::to_string(*status));
  return took;
}

result<duration> restart_floor(workshop&) {
  auto victim = spawn_busybox("sleep", "1000");
  if (!victim)
    return tl::make_unexpected(std::move(victim.error()));
  const auto watch = stopwatch{};
  if (auto ok = kill_and_collect(*victim); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  auto next = spawn_busybox("sleep", "1000");
  const auto took = watch.elapsed();
  if (!next)
    return tl::make_unexpected(std::move(next.error()));
  if (auto ok = kill_and_collect(*next); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return took;
}

} // namespace reeve::bench
