// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/oom_witness.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::supervisor;
using reeve::kernel::oom_counts;

TEST_CASE("oom_witness: whose limit it was", "[supervisor][oom_witness]") {
  using reeve::kernel::cgroup_mode;
  using reeve::kernel::memory_room;
  const auto before = oom_counts{2, 10, 20};
  const auto far = memory_room{100, 100};
  const auto near_own = memory_room{30, 100};
  const auto near_outer = memory_room{100, 30};
  const auto near_both = memory_room{-5, 0};
  auto hit = [&](cgroup_mode mode, const oom_counts& now,
                 const memory_room& room) {
    return limit_hit(mode, before, now, room, 30);
  };
  for (const auto& room : {far, near_own, near_outer, near_both}) {
    // What v2 says is so.
    CHECK(hit(cgroup_mode::v2, {2, 11, 21}, room) == oom_limit::none);
    CHECK(hit(cgroup_mode::v2, {3, 11, 20}, room) == oom_limit::own);
    CHECK(hit(cgroup_mode::v2, {3, 11, 21}, room) == oom_limit::own);
    CHECK(hit(cgroup_mode::v2, {3, 10, 21}, room) == oom_limit::ancestor);
    CHECK(hit(cgroup_mode::v2, {3, 10, 20}, room) == oom_limit::host);
    // Something was reclaimed, and nobody killed.
    CHECK(hit(cgroup_mode::v1, {2, 11, 21}, room) == oom_limit::none);
  }
  for (auto mode : {cgroup_mode::v1, cgroup_mode::hybrid}) {
    for (auto own : {10U, 11U})
      for (auto outer : {20U, 21U}) {
        CHECK(hit(mode, {3, own, outer}, near_own) == oom_limit::own);
        CHECK(hit(mode, {3, own, outer}, near_both) == oom_limit::own);
        CHECK(hit(mode, {3, own, outer}, near_outer) == oom_limit::ancestor);
      }
    CHECK(hit(mode, {3, 10, 21}, far) == oom_limit::ancestor);
    CHECK(hit(mode, {3, 11, 20}, far) == oom_limit::own);
    CHECK(hit(mode, {3, 10, 20}, far) == oom_limit::host);
    CHECK(hit(mode, {3, 10, 20}, {}) == oom_limit::host);
  }
}
