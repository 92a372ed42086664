// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/names.hpp"
#include "config/number_list.hpp"
#include "tests/support/catch.hpp"

#include <tuple>

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
       {row{"memory.limit", "64M"},
        row{"memory.limit", "max"},
        row{"cpu.limit", "0.5"},
        row{"cpu.limit", "max"},
        row{"cpu.weight", "200"},
        row{"cpu.burst", "50ms"},
        row{"cpu.burst", "0"},
        row{"cpuset.cpus", "0-3,8"},
        row{"cpuset.cpus", "max"},
        row{"cpuset.mems", "0"},
        row{"pids.limit", "50"},
        row{"pids.limit", "max"},
        row{"memory.swap", "0"},
        row{"memory.swap", "64M"},
        row{"memory.swap", "max"},
        row{"memory.swappiness", "0"},
        row{"memory.swappiness", "200"},
        row{"cpu.idle", "true"},
        row{"cpu.idle", "false"},
        row{"cpu.rt", "0.2"},
        row{"cpu.rt", "0"},
        row{"memory.soft", "48M"},
        row{"memory.soft", "max"},
        row{"io.weight", "1000"},
        row{"io.read_bps", "8:0:1M"},
        row{"io.write_bps", "max"},
        row{"io.write_bps", "/dev/disk/by-path/pci-0:1:2:64K,8:16:1536"},
        row{"io.read_iops", "/dev/sda:100"},
        row{"io.write_iops", "7:1:1"},
        row{"hugetlb.limit", "1GB:0,2MB:64M"},
        row{"hugetlb.limit", "max"},
        row{"dirty.limit", "16M"},
        row{"dirty.limit", "max"},
        row{"oom.policy", "raise:16M:256M"},
        row{"oom.policy", "kill"},
        row{"rlimit.nofile", "1024:4096"},
        row{"rlimit.as", "64M"},
        row{"rlimit.memlock", "64K:max"},
        row{"rlimit.cpu", "max"}}) {
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
            "memory.limit: 0 is out of range; expected 1 byte to 1048576T, or "
            "\"max\""},
        row{"memory.swap", "2000000T",
            "memory.swap: 2199023255552000000 is out of range; expected 0 to "
            "1048576T, or \"max\""},
        row{"dirty.limit", "4095K",
            "dirty.limit: 4193280 is out of range; expected 4M to 1048576T, "
            "or \"max\""},
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
            "or \"max\""},
        row{"memory.swappiness", "201",
            "memory.swappiness: 201 is out of range; expected a whole number "
            "from 0 to 200"},
        row{"cpu.rt", "1.5",
            "cpu.rt: 1.5 is out of range; expected 0 to 1 of each processor, "
            "such as \"0.2\""},
        row{"cpu.rt", "max",
            "cpu.rt: \"max\" is not a part; expected 0 to 1 of each "
            "processor, such as \"0.2\""},
        row{"memory.swappiness", "max",
            "memory.swappiness: \"max\" is not a swappiness; expected a whole "
            "number from 0 to 200"},
        row{"cpu.idle", "maybe",
            "cpu.idle: \"maybe\" is neither; expected true or false"},
        row{"io.weight", "1001",
            "io.weight: 1001 is out of range; expected a whole number from 1 "
            "to 1000"},
        row{"io.read_bps", "10M",
            "io.read_bps: \"10M\" has no amount; expected NAME:AMOUNT"},
        row{"io.read_bps", "8:0:0",
            "io.read_bps: 0 is out of range; expected at least one byte per "
            "second"},
        row{"io.read_bps", "8:0:fast",
            "io.read_bps: \"fast\" is not a size; expected bytes or a number "
            "with K, M, G or T"},
        row{"io.write_iops", "sda:100",
            "io.write_iops: \"sda\" is not the name of a device; expected a "
            "path such as \"/dev/sda\", or numbers such as \"8:0\""},
        row{"io.write_iops", "/dev/../etc:100",
            "io.write_iops: \"/dev/../etc\" is not the name of a device; "
            "expected a path such as \"/dev/sda\", or numbers such as "
            "\"8:0\""},
        row{"io.read_iops", "8:0:5,8:0:6",
            "io.read_iops: \"8:0\" is given twice; expected each name once"},
        row{"io.read_iops", "8:0:4294967295",
            "io.read_iops: 4294967295 is out of range; expected 1 to "
            "4294967294 per second"},
        row{"hugetlb.limit", "2M:64M",
            "hugetlb.limit: \"2M\" is not a size of huge pages; expected as "
            "the kernel spells them, such as \"2MB\" or \"1GB\""}}) {
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

TEST_CASE("set_key: a limit of processes is soft and hard", "[config][unit]") {
  auto lim = limits{};
  REQUIRE(set_key(lim, "rlimit.stack", "1048576:unlimited"));
  CHECK(lim.rlimits[3].value() == rlimit_pair{1048576, rlimit_pair::unlimited});
  CHECK(to_text(lim, "rlimit.stack") == "1M:max");
  for (std::size_t i = 0; i < rlimit_count; ++i)
    CHECK(rlimit_key(i) == "rlimit." + std::string{rlimit_names()[i]});
  struct row {
    const char* text;
    const char* error;
  };
  const auto form = std::string{
      "; expected \"BOTH\" or \"SOFT:HARD\", each a number, a size such as "
      "64M, or \"max\""};
  for (auto [text, error] :
       {row{"", "\"\""}, row{"5:", "\"5:\""}, row{":5", "\":5\""},
        row{"1:2:3", "\"1:2:3\""}, row{"-1", "\"-1\""}, row{"x", "\"x\""}}) {
    auto done = set_key(lim, "rlimit.nofile", text);
    REQUIRE(!done);
    CHECK(to_string(done.error())
          == "rlimit.nofile: " + std::string{error}
                 + " is no limit of a process" + form);
  }
  auto done = set_key(lim, "rlimit.nofile", "max:5");
  REQUIRE(!done);
  CHECK(to_string(done.error())
        == "rlimit.nofile: the soft limit, max, is more than the hard one; "
           "expected at most 5");
  CHECK(lim.rlimits[7].is_absent());
}

TEST_CASE("set_key: an unknown key lists the known ones and the nearest",
          "[config][unit]") {
  auto lim = limits{};
  auto done = set_key(lim, "memory.limt", "1M");
  REQUIRE(!done);
  CHECK(
      to_string(done.error())
      == "\"memory.limt\" is not a limit; expected one of memory.limit, "
         "memory.swap, memory.swappiness, memory.soft, cpu.limit, cpu.burst, "
         "cpu.weight, cpu.idle, cpu.rt, cpuset.cpus, cpuset.mems, pids.limit, "
         "io.weight, "
         "io.read_bps, io.write_bps, io.read_iops, io.write_iops, "
         "hugetlb.limit, dirty.limit, oom.policy, rlimit.NAME with a NAME of "
         "cpu, fsize, "
         "data, stack, core, rss, nproc, nofile, memlock, as, locks, "
         "sigpending, msgqueue, nice, rtprio, rttime (nearest: memory.limit)");
  done = set_key(lim, "rlimit.nfile", "5");
  REQUIRE(!done);
  CHECK(to_string(done.error()).ends_with("(nearest: rlimit.nofile)"));
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

TEST_CASE("set_key: a list of amounts is put in order", "[config][unit]") {
  auto lim = limits{};
  REQUIRE(set_key(lim, "io.write_bps", "8:16:1M,/dev/sda:2048"));
  CHECK(to_text(lim, "io.write_bps") == "/dev/sda:2K,8:16:1M");
  CHECK(lim.io_write_bps.value()
        == amount_list{{"/dev/sda", 2048}, {"8:16", 1048576}});
  REQUIRE(set_key(lim, "cpu.idle", "1"));
  CHECK(to_text(lim, "cpu.idle") == "true");
}

TEST_CASE("check_ranges: lists of amounts built in code are those that would "
          "be read",
          "[config][unit]") {
  CHECK(check_ranges(limits{.io_read_bps = amount_list{{"8:0", 1}}}));
  CHECK(check_ranges(limits{.hugetlb_bytes = amount_list{{"2MB", 0}}}));
  for (const auto& list :
       {amount_list{}, amount_list{{"8:0", 0}}, amount_list{{"sda", 1}},
        amount_list{{"8:1", 1}, {"8:0", 1}}}) {
    auto done = check_ranges(limits{.io_read_bps = list});
    REQUIRE(!done);
    CHECK(done.error().key == "io_read_bps");
  }
  CHECK(
      !check_ranges(limits{.io_write_iops = amount_list{{"8:0", 1ULL << 40}}}));
}

TEST_CASE("check_ranges: swap is beside a limit of memory", "[config][unit]") {
  auto lim = limits{.swap_bytes = 1024};
  CHECK(check_ranges(lim)); // as a change
  CHECK(check_as_whole(lim).error().key == "swap");
  lim.memory_bytes = decltype(lim.memory_bytes)::unlimited();
  CHECK(check_ranges(lim).error().key == "swap");
  lim.memory_bytes = 4096;
  CHECK(check_as_whole(lim));
}

TEST_CASE("merged: what is absent stays, and no swap is left without memory",
          "[config][unit]") {
  auto now = limits{.memory_bytes = 4096,
                    .swap_bytes = 1024,
                    .cpus = 0.5,
                    .io_read_bps = amount_list{{"8:0", 1}}};
  auto got = merged(now, limits{.cpus = 2.0, .cpu_idle = false});
  CHECK(got.memory_bytes.value() == 4096U);
  CHECK(got.swap_bytes.value() == 1024U);
  CHECK(got.cpus.value() == 2.0);
  CHECK(got.cpu_idle.value() == false);
  CHECK(got.io_read_bps == now.io_read_bps);
  auto unlimited = limit_value<std::uint64_t>::unlimited();
  got = merged(now, limits{.memory_bytes = unlimited});
  CHECK(got.memory_bytes.is_unlimited());
  CHECK(got.swap_bytes.is_absent());
  // What is set with the first limit of memory counts, nothing from before.
  got.swap_bytes = unlimited;
  CHECK(merged(got, limits{.memory_bytes = 4096}).swap_bytes.is_absent());
  CHECK(merged(got, limits{.memory_bytes = 4096, .swap_bytes = 7})
            .swap_bytes.value()
        == 7U);
}

TEST_CASE("is_none: what takes nothing away", "[config][unit]") {
  for (auto [key, text, none] :
       {std::tuple{"memory.limit", "max", true},
        std::tuple{"memory.limit", "1G", false},
        std::tuple{"cpu.idle", "false", true},
        std::tuple{"cpu.idle", "true", false},
        std::tuple{"cpu.burst", "0", true},
        std::tuple{"io.weight", "100", true},
        std::tuple{"io.weight", "99", false},
        std::tuple{"hugetlb.limit", "max", true},
        std::tuple{"cpu.rt", "0", true}, std::tuple{"cpu.rt", "0.1", false},
        std::tuple{"rlimit.core", "max", false},
        std::tuple{"oom.policy", "kill", true},
        std::tuple{"oom.policy", "kill_largest", false},
        std::tuple{"memory.swappiness", "60", false}}) {
    INFO(key << '=' << text);
    auto lim = limits{};
    CHECK_FALSE(is_none(lim, key));
    REQUIRE(set_key(lim, key, text));
    CHECK(is_none(lim, key) == none);
  }
  CHECK_FALSE(is_none(limits{}, "nonsense"));
}
