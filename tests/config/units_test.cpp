// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/units.hpp"

#include "tests/support/catch.hpp"

#include <limits>

using namespace reeve::config;
using namespace std::chrono_literals;

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

} // namespace

TEST_CASE("parse_size: reads bytes and binary multiples", "[config][unit]") {
  CHECK(parse_size("0") == 0U);
  CHECK(parse_size("4097") == 4097U);
  CHECK(parse_size("64M") == 64U << 20U);
  CHECK(parse_size("64m") == 64U << 20U);
  CHECK(parse_size("1.5G") == 3ULL << 29U);
  CHECK(parse_size("2T") == 2ULL << 40U);
  CHECK(parse_size("0.5K") == 512U);
  CHECK(parse_size("1.0") == 1U);
}

TEST_CASE("parse_size: is exact up to the last byte and refuses what is beyond",
          "[config][unit]") {
  CHECK(parse_size("18446744073709551615") == most);
  CHECK(parse_size("16777215T") == most - (1ULL << 40U) + 1);
  CHECK(parse_size("16777215.9375T") == most - (1ULL << 36U) + 1);
  for (auto text :
       {"18446744073709551616", "16777216T", "99999999999999999999999999G"}) {
    INFO(text);
    REQUIRE(!parse_size(text));
    CHECK(parse_size(text).error().message
          == '"' + std::string{text} + "\" is too large");
  }
}

TEST_CASE("parse_size: refuses fractions of a byte rather than rounding",
          "[config][unit]") {
  for (auto text : {"0.1K", "1.5", "0.0001M", "0.00000000000000000001T"}) {
    INFO(text);
    REQUIRE(!parse_size(text));
    CHECK(parse_size(text).error().message
          == '"' + std::string{text} + "\" is not a whole number of bytes");
  }
}

TEST_CASE("parse_size: refuses what is not a size and says what is",
          "[config][unit]") {
  for (auto text : {"", "M", "12Q", "64MB", "-1", "+1", " 1", "1 ", "1.", ".5",
                    "1.M", "0x10", "1e3", "1.2.3", "max", "64Mm"}) {
    INFO(text);
    REQUIRE(!parse_size(text));
    CHECK(to_string(parse_size(text).error())
          == '"' + std::string{text}
                 + "\" is not a size; expected bytes or a number with K, M, G "
                   "or T");
  }
}

TEST_CASE("format_size: uses the largest unit that divides", "[config][unit]") {
  CHECK(format_size(0) == "0");
  CHECK(format_size(4097) == "4097");
  CHECK(format_size(3ULL << 29U) == "1536M");
  for (auto value : {std::uint64_t{1}, std::uint64_t{1} << 63U, most})
    CHECK(parse_size(format_size(value)) == value);
}

TEST_CASE("parse_duration: reads times with a unit", "[config][unit]") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("10s") == 10s);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("0.001s") == 1ms);
  CHECK(parse_duration("0") == 0ms);
  CHECK(parse_duration("876000h") == longest_duration);
}

TEST_CASE("parse_duration: refuses bare numbers, parts of a millisecond and "
          "more than a century",
          "[config][unit]") {
  for (auto text : {"", "10", "10S", "1d", "-1s", "s", "1.5ms", "0.0001s",
                    "876001h", "99999999999999999999s"}) {
    INFO(text);
    CHECK(!parse_duration(text));
  }
}

TEST_CASE("format_duration: uses the largest unit that divides",
          "[config][unit]") {
  CHECK(format_duration(0ms) == "0");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(90min) == "90m");
  CHECK(format_duration(2h) == "2h");
  CHECK(format_duration(-5ms) == "-5ms");
}

TEST_CASE("parse_cpus: reads finite numbers only and formats them back",
          "[config][unit]") {
  CHECK(parse_cpus("0.5") == 0.5);
  CHECK(parse_cpus("2") == 2.0);
  CHECK(format_cpus(0.1) == "0.1");
  CHECK(format_cpus(2) == "2");
  for (auto text :
       {"", "nan", "inf", "-1", "-0", "1e999", "1,5", "1x", "max"}) {
    INFO(text);
    CHECK(!parse_cpus(text));
  }
}
