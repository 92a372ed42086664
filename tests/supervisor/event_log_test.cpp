// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/event_log.hpp"

#include "tests/support/catch.hpp"

#include <set>

using namespace reeve::supervisor;

namespace {

event named(const std::string& container) {
  event out;
  out.container = container;
  return out;
}

event_log filled(std::size_t capacity, unsigned count) {
  event_log out{capacity, 1};
  for (unsigned i = 1; i <= count; ++i)
    out.add(named(std::to_string(i)));
  return out;
}

} // namespace

TEST_CASE("event_log: events are numbered from 1", "[supervisor][unit]") {
  auto log = filled(10, 3);
  auto got = log.after(0, 100);
  REQUIRE(got.events.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(got.events[i].seq == i + 1);
    CHECK(got.events[i].container == std::to_string(i + 1));
  }
  CHECK(got.gap == 0);
  CHECK(got.last == 3);
}

TEST_CASE("event_log: nothing new is an empty answer", "[supervisor][unit]") {
  event_log empty{10, 1};
  CHECK(empty.after(0, 100).events.empty());
  CHECK(empty.after(0, 100).last == 0);
  auto log = filled(10, 3);
  for (auto seq : {3U, 4U, 1000U}) {
    auto got = log.after(seq, 100);
    CHECK(got.events.empty());
    CHECK(got.gap == 0);
    CHECK(got.last == 3);
  }
}

TEST_CASE("event_log: a batch can be read on from its last event",
          "[supervisor][unit]") {
  auto log = filled(10, 5);
  auto first = log.after(0, 2);
  REQUIRE(first.events.size() == 2);
  CHECK(first.last == 5);
  auto rest = log.after(first.events.back().seq, 100);
  REQUIRE(rest.events.size() == 3);
  CHECK(rest.events.front().seq == 3);
}

TEST_CASE("event_log: a reader that is too late is told how much it missed",
          "[supervisor][unit]") {
  auto log = filled(4, 10); // 7 to 10 are kept
  auto got = log.after(2, 100);
  CHECK(got.gap == 4); // 3 to 6
  REQUIRE(got.events.size() == 4);
  CHECK(got.events.front().seq == 7);
  CHECK(log.after(6, 100).gap == 0);
  CHECK(log.after(5, 100).gap == 1);
}

TEST_CASE(
    "event_log: numbers grow from one daemon to the next, and what only an "
    "earlier one knew is a gap",
    "[supervisor][unit]") {
  const auto then = event_log::first_of(1'700'000'000'000);
  const auto later = event_log::first_of(1'700'000'000'100);
  CHECK(later - then == 100'000);
  CHECK(event_log::first_of(4'000'000'000'000) < std::uint64_t{1} << 53U);
  event_log log{2, later};
  CHECK(log.last() == later - 1);
  CHECK(log.after(then + 3, 10).gap == 0); // nothing yet
  log.add(named("a"));
  log.add(named("b"));
  auto got = log.after(then + 3, 10);
  CHECK(got.gap == 1);
  REQUIRE(got.events.size() == 2);
  CHECK(got.events.front().seq == later);
  CHECK(log.after(0, 10).gap == 0); // from the beginning of what there is
  CHECK(log.after(later - 1, 10).gap == 0);
  log.add(named("c"));
  CHECK(log.after(then + 3, 10).gap == 2);
  CHECK(log.after(0, 10).gap == 1);
  CHECK(log.after(later, 10).gap == 0);
}

TEST_CASE("event_log: every kind has a name of its own", "[supervisor][unit]") {
  std::set<std::string_view> names;
  for (auto kind = 0;
       kind <= static_cast<int>(event_kind::container_out_of_memory); ++kind) {
    auto name = name_of(static_cast<event_kind>(kind));
    CHECK_FALSE(name.empty());
    CHECK(names.insert(name).second);
  }
}
