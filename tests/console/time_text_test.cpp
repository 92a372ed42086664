// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/time_text.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::console;

TEST_CASE("relative times have one unit", "[console][unit]") {
  constexpr std::int64_t now = 1'000'000'000'000;
  CHECK(relative(now, now) == "now");
  CHECK(relative(now - 999, now) == "now");
  CHECK(relative(now - 59'999, now) == "59 s ago");
  CHECK(relative(now - 200'000, now) == "3 min ago");
  CHECK(relative(now - 7'200'000, now) == "2 h ago");
  CHECK(relative(now - 86'400'000, now) == "1 day ago");
  CHECK(relative(now - 3 * 86'400'000LL, now) == "3 days ago");
  CHECK(relative(now + 2'000, now) == "in 2 s");
  CHECK(elapsed(-5) == "0 s");
}

TEST_CASE("sizes round to one digit and never print 1024", "[console][unit]") {
  CHECK(human_size(0) == "0 B");
  CHECK(human_size(1023) == "1023 B");
  CHECK(human_size(1024) == "1 KiB");
  CHECK(human_size(1536) == "1.5 KiB");
  CHECK(human_size(64ULL << 20U) == "64 MiB");
  CHECK(human_size((1ULL << 20U) - 1) == "1 MiB");
}
