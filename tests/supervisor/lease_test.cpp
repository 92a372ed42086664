// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/lease.hpp"

#include "tests/support/catch.hpp"

using namespace std::chrono_literals;
using reeve::supervisor::lease;

namespace {

constexpr auto start = lease::clock::time_point{} + 1h;
constexpr auto term = lease::term;

} // namespace

TEST_CASE("lease: the first holder has its time to come",
          "[supervisor][unit]") {
  lease uut;
  uut.begin(start);
  CHECK_FALSE(uut.is_over(start + term - 1ns));
  CHECK(uut.is_over(start + term));
  CHECK(uut.next() == start + term);
}

TEST_CASE("lease: goes on as long as one holder renews it",
          "[supervisor][unit]") {
  lease uut;
  uut.begin(start);
  auto now = start;
  uut.hold(7, now);
  uut.hold(8, now);
  for (auto i = 0; i < 100; ++i) {
    now += term - 1ns;
    CHECK_FALSE(uut.is_over(now));
    uut.hold(8, now);
  }
  CHECK(uut.is_over(now + term));
}

TEST_CASE("lease: is over at once when the last holder lets go",
          "[supervisor][unit]") {
  lease uut;
  uut.begin(start);
  uut.release(7); // who never had it
  CHECK_FALSE(uut.is_over(start));
  uut.hold(7, start);
  uut.hold(8, start);
  uut.release(7);
  CHECK_FALSE(uut.is_over(start));
  uut.release(8);
  CHECK(uut.is_over(start));
}

TEST_CASE("lease: nobody can take the place of who is to come",
          "[supervisor][unit]") {
  lease uut;
  uut.begin(start);
  uut.release(0);
  CHECK_FALSE(uut.is_over(start));
}

TEST_CASE("lease: does not end before it has begun", "[supervisor][unit]") {
  lease uut;
  CHECK_FALSE(uut.is_over(start + 100h));
  SECTION("nobody has come") {
    uut.begin(start);
    CHECK(uut.is_over(start + term));
  }
  SECTION("somebody has") {
    uut.hold(7, start);
    uut.begin(start + 5s);
    CHECK_FALSE(uut.is_over(start + 5s));
    CHECK(uut.is_over(start + term));
  }
}
