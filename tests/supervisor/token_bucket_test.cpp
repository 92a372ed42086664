// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/token_bucket.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::supervisor;
using namespace std::chrono_literals;

TEST_CASE("token bucket: so many at once, then one in each pause",
          "[supervisor]") {
  token_bucket bucket{3, 100ms};
  auto now = token_bucket::clock::time_point{} + 1h;
  CHECK(bucket.take(now));
  CHECK(bucket.take(now));
  CHECK(bucket.take(now));
  CHECK(!bucket.take(now));
  CHECK(bucket.next() == now + 100ms);
  CHECK(!bucket.take(now + 99ms));
  CHECK(bucket.take(now + 100ms));
  CHECK(!bucket.take(now + 199ms));
  // Full again, and no more than that.
  now += 1min;
  CHECK(bucket.next() < now);
  for (auto i = 0; i < 3; ++i)
    CHECK(bucket.take(now));
  CHECK(!bucket.take(now));
}
