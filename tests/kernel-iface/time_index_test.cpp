// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/time_index.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <filesystem>
#include <fstream>

using namespace reeve::kernel;
namespace fs = std::filesystem;

namespace {

class index_fixture {
protected:
  [[nodiscard]] time_index open(std::uint64_t end = 1'000'000) const {
    auto out = time_index::open(path, end);
    REQUIRE(out);
    return std::move(*out);
  }

  [[nodiscard]] std::optional<std::uint64_t> since(std::int64_t ms) const {
    return time_index::first_since(path, ms).value();
  }

  [[nodiscard]] std::vector<time_stamp> between(std::uint64_t begin,
                                                std::uint64_t end) const {
    return time_index::between(path, begin, end).value();
  }

  reeve::tests::temp_directory dir;
  std::string path = dir.path() + "/p.out.0.times";
};

} // namespace

TEST_CASE_METHOD(index_fixture, "time_index: without a file nothing is known",
                 "[kernel-iface][unit]") {
  CHECK(since(0) == std::nullopt);
  CHECK(between(0, 100).empty());
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: what came at a time or later is found",
                 "[kernel-iface][unit]") {
  auto uut = open();
  REQUIRE(uut.note({0, 1000}));
  REQUIRE(uut.note({50, 1005})); // too soon after the last one
  REQUIRE(uut.note({60, 1010}));
  REQUIRE(uut.note({90, 2000}));
  CHECK(uut.size() == 48);
  CHECK(since(0) == 0U);
  CHECK(since(1009) == 0U); // what is at 59 may have come then
  CHECK(since(1010) == 60U);
  CHECK(since(1020) == 90U);
  CHECK(since(2009) == 90U);
  CHECK(since(2010) == std::nullopt);
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: the times of a range begin at or before it",
                 "[kernel-iface][unit]") {
  auto uut = open();
  for (std::uint64_t i = 0; i < 5000; ++i) // more than are read at once
    REQUIRE(uut.note({10 * i, 100 * static_cast<std::int64_t>(i)}));
  CHECK(between(25, 45)
        == std::vector<time_stamp>{{20, 200}, {30, 300}, {40, 400}});
  CHECK(between(20, 21) == std::vector<time_stamp>{{20, 200}});
  CHECK(between(49'995, 50'000) == std::vector<time_stamp>{{49'990, 499'900}});
  CHECK(between(0, 50'000).size() == 5000);
  CHECK(since(250'000) == 25'000U);
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: of a place that was noted twice the later counts",
                 "[kernel-iface][unit]") {
  auto uut = open();
  REQUIRE(uut.note({0, 1000}));
  REQUIRE(uut.note({10, 2000})); // and then nothing came
  REQUIRE(uut.note({10, 9000}));
  CHECK(between(10, 11) == std::vector<time_stamp>{{10, 9000}});
  CHECK(since(5000) == 10U);
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: a clock that is set back hides nothing",
                 "[kernel-iface][unit]") {
  auto uut = open();
  REQUIRE(uut.note({0, 900'000}));
  REQUIRE(uut.note({10, 1000}));
  REQUIRE(uut.note({20, 5000}));
  CHECK(since(3000) == 20U);
  CHECK(since(1000) == 0U); // and the first one is of a later time
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: the next daemon goes on, over half a record too",
                 "[kernel-iface][unit]") {
  {
    auto uut = open();
    REQUIRE(uut.note({0, 1000}));
    REQUIRE(uut.note({10, 2000}));
  }
  fs::resize_file(path, 25); // killed within a write
  auto uut = open();
  CHECK(uut.size() == 16);
  REQUIRE(uut.note({20, 1005})); // within the resolution of the first
  CHECK(uut.size() == 16);
  REQUIRE(uut.note({20, 3000}));
  CHECK(between(0, 30) == std::vector<time_stamp>{{0, 1000}, {20, 3000}});
}

TEST_CASE_METHOD(
    index_fixture,
    "time_index: what the log has lost with the power is forgotten",
    "[kernel-iface][unit]") {
  {
    auto uut = open();
    REQUIRE(uut.note({0, 1000}));
    REQUIRE(uut.note({10, 2000}));
    REQUIRE(uut.note({20, 3000}));
  }
  auto uut = open(5);
  CHECK(uut.size() == 16);
  REQUIRE(uut.note({5, 9000}));
  CHECK(between(0, 30) == std::vector<time_stamp>{{0, 1000}, {5, 9000}});
}

TEST_CASE_METHOD(index_fixture,
                 "time_index: a directory in its place is an error with a name",
                 "[kernel-iface][unit]") {
  fs::create_directory(path);
  auto got = time_index::open(path, 0);
  REQUIRE_FALSE(got);
  CHECK(to_string(got.error()).find(path) != std::string::npos);
}
