// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/number_list.hpp"
#include "tests/support/catch.hpp"

using namespace reeve::config;

TEST_CASE("limit_value: tells absent, unlimited and a number apart",
          "[config][unit]") {
  auto absent = limit_value<std::uint64_t>{};
  auto unlimited = limit_value<std::uint64_t>::unlimited();
  auto zero = limit_value<std::uint64_t>{0};
  CHECK(absent.is_absent());
  CHECK(unlimited.is_unlimited());
  CHECK(!unlimited.value().has_value());
  CHECK(zero.value() == 0U);
  CHECK(absent != zero);
  CHECK(unlimited != zero);
  CHECK(absent != unlimited);
}

TEST_CASE("container_limits: bound pids and leave the rest", "[config][unit]") {
  CHECK(container_limits.pids.value() == 2048U);
  CHECK(container_limits.memory_bytes.is_absent());
  CHECK(container_limits.cpus.is_absent());
  CHECK(container_limits.cpu_weight.is_absent());
}

TEST_CASE("set_key: every key reads back what was set", "[config][unit]") {
  struct row {
    const char* key;
    const char* text;
  };
  auto lim = limits{};
  for (auto [key, text] :
       {row{"memory.limit", "64M"}, row{"memory.limit", "max"},
        row{"cpu.limit", "0.5"}, row{"cpu.limit", "max"},
        row{"cpu.weight", "200"}, row{"cpu.burst", "50ms"},
        row{"cpu.burst", "0"}, row{"cpuset.cpus", "0-3,8"},
        row{"cpuset.cpus", "max"}, row{"cpuset.mems", "0"},
        row{"pids.limit", "50"}, row{"pids.limit", "max"}}) {
    INFO(key << '=' << text);
    CHECK(to_text(limits{}, key) == "");
    REQUIRE(set_key(lim, key, text));
    CHECK(to_text(lim, key) == text);
  }
  CHECK(lim.memory_bytes.is_unlimited());
  CHECK(lim.cpu_weight.value() == 200U);
  REQUIRE(clear_key(lim, "cpu.weight"));
  CHECK(lim.cpu_weight.is_absent());
}

TEST_CASE("set_key: a refused value names the key and changes nothing",
          "[config][unit]") {
  struct row {
    const char* key;
    const char* text;
    const char* error;
  };
  for (auto [key, text, error] :
       {row{"memory.limit", "12Q",
            "memory.limit: \"12Q\" is not a size; expected bytes or a number "
            "with K, M, G or T"},
        row{"memory.limit", "0",
            "memory.limit: 0 is out of range; expected at least one byte, or "
            "\"max\""},
        row{"cpu.limit", "0.001",
            "cpu.limit: 0.001 is out of range; expected 0.01 to 65536 "
            "processors, or \"max\""},
        row{"cpu.weight", "10001",
            "cpu.weight: 10001 is out of range; expected a whole number from 1 "
            "to 10000"},
        row{"cpu.weight", "max",
            "cpu.weight: \"max\" is not a weight; expected a whole number from "
            "1 to 10000"},
        row{"cpu.burst", "max",
            "cpu.burst: \"max\" is not a time; expected \"0\" to \"1h\", such "
            "as \"50ms\""},
        row{"cpu.burst", "61m",
            "cpu.burst: 3660000ms is out of range; expected \"0\" to \"1h\", "
            "such as \"50ms\""},
        row{"cpuset.cpus", "0-",
            "cpuset.cpus: \"0-\" is not a list; expected numbers and ranges "
            "from 0 to 8191, such as \"0-3,8\""},
        row{"cpuset.mems", "1024",
            "cpuset.mems: 1024 is out of range; expected numbers and ranges "
            "from 0 to 1023, such as \"0-3,8\""},
        row{"pids.limit", "0",
            "pids.limit: 0 is out of range; expected 1 to 4194304, or "
            "\"max\""},
        row{"pids.limit", "1.5",
            "pids.limit: \"1.5\" is not a whole number; expected 1 to 4194304, "
            "or \"max\""}}) {
    const auto before = limits{.memory_bytes = 1024,
                               .cpus = 2.0,
                               .cpu_weight = 10,
                               .cpuset_cpus = std::string{"0"},
                               .pids = 7};
    auto lim = before;
    auto done = set_key(lim, key, text);
    REQUIRE(!done);
    CHECK(to_string(done.error()) == error);
    CHECK(lim == before);
  }
}

TEST_CASE("set_key: an unknown key lists the known ones and the nearest",
          "[config][unit]") {
  auto lim = limits{};
  auto done = set_key(lim, "memory.limt", "1M");
  REQUIRE(!done);
  CHECK(to_string(done.error())
        == "\"memory.limt\" is not a limit; expected one of memory.limit, "
           "cpu.limit, cpu.burst, cpu.weight, cpuset.cpus, cpuset.mems, "
           "pids.limit (nearest: memory.limit)");
  CHECK(!to_text(lim, "nonsense"));
  CHECK(!clear_key(lim, "nonsense"));
}

TEST_CASE("parse_number_list: in order, neighbours joined", "[config][unit]") {
  struct row {
    const char* text;
    const char* list; ///< empty: refused
  };
  for (auto [text, list] :
       {row{"0", "0"},         row{"0-0", "0"},
        row{"3,1,2", "1-3"},   row{"0-3,2-5,8", "0-5,8"},
        row{"7,0-1", "0-1,7"}, row{"0,0,0", "0"},
        row{"4-5,0-9", "0-9"}, row{"", ""},
        row{",", ""},          row{"1,", ""},
        row{"-1", ""},         row{"3-1", ""},
        row{"1-2-3", ""},      row{" 1", ""},
        row{"0x1", ""},        row{"10", ""},
        row{"0-10", ""},       row{"99999999999999999999", ""},
        row{"max", ""},        row{"1;2", ""}}) {
    INFO(text);
    auto got = parse_number_list(text, 9);
    CHECK(got.value_or("") == list);
  }
}

TEST_CASE("check_ranges: lists built in code are those that would be read",
          "[config][unit]") {
  CHECK(check_ranges(limits{.cpuset_cpus = std::string{"0-1,3"}}));
  for (const auto* list : {"", "1-0", "0,1", "0-9000"}) {
    INFO(list);
    auto done = check_ranges(limits{.cpuset_cpus = std::string{list}});
    REQUIRE(!done);
    CHECK(done.error().key == "cpuset_cpus");
  }
}
