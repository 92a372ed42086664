// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/times.hpp"

#include "tests/support/catch.hpp"

#include <string>

using namespace reeve::config;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("times are RFC 3339 in UTC with milliseconds", "[config][unit]") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(1'709'210'096'007) == "2024-02-29T12:34:56.007Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("parse_time: reads what rfc3339 writes, and other zones",
          "[config][unit]") {
  for (auto ms : {std::int64_t{0}, std::int64_t{1'709'210'096'007},
                  std::int64_t{-1}, std::int64_t{253'402'300'799'999}})
    CHECK(parse_time(rfc3339(ms)).value() == ms);
  CHECK(parse_time("2024-02-29T12:34:56+01:30").value()
        == parse_time("2024-02-29T11:04:56Z").value());
  CHECK(parse_time("2024-02-29 12:34:56.123456789-00:15").value()
        == parse_time("2024-02-29T12:49:56.123Z").value());
  CHECK(parse_time("2024-02-29t12:34:56.5z").value() % 1000 == 500);
}

TEST_CASE("parse_time: refuses what is no time, with an example",
          "[config][unit]") {
  for (const std::string bad :
       {"", "now", "2024-02-29", "2024-02-29T12:34:56", "2024-02-30T12:34:56Z",
        "2023-02-29T12:34:56Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
        "2024-02-29T24:00:00Z", "2024-02-29T12:60:00Z", "2024-02-29T12:34:61Z",
        "2024-02-29T12:34:56.Z", "2024-02-29T12:34:56.1234567890Z",
        "2024-02-29T12:34:56+1:00", "2024-02-29T12:34:56+24:00",
        "2024-02-29T12:34:56ZZ", "+024-02-29T12:34:56Z",
        "2024-02-29T12:34:5\xc3\xa9Z"}) {
    INFO(bad);
    auto got = parse_time(bad);
    REQUIRE_FALSE(got);
    CHECK_THAT(to_string(got.error()),
               ContainsSubstring("such as 2026-11-22T02:29:45Z"));
  }
}

TEST_CASE("parse_past: takes a time, or how long ago", "[config][unit]") {
  constexpr std::int64_t now = 1'709'210'096'007;
  CHECK(parse_past("10m", now).value() == now - 600'000);
  CHECK(parse_past("0", now).value() == now);
  CHECK(parse_past(rfc3339(now - 1), now).value() == now - 1);
  CHECK_THAT(to_string(parse_past("10", now).error()),
             ContainsSubstring("neither a time nor a duration"));
}
