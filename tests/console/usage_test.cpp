// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/usage.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "tests/support/catch.hpp"

using namespace reeve;
using namespace reeve::console;
using namespace std::chrono_literals;
using supervisor::container_stats;

namespace {

container_stats snapshot(const char* name, std::chrono::nanoseconds taken,
                         std::chrono::nanoseconds cpu, std::uint64_t memory,
                         std::uint64_t written) {
  container_stats out;
  out.container = name;
  out.id = std::string{"id-"} + name;
  out.stats.taken = taken;
  out.stats.cpu.emplace().usage = cpu;
  out.stats.memory.emplace().current = memory;
  out.stats.memory->limit = kernel::no_limit;
  out.stats.disks.emplace().push_back({"8:0", 0, written, 0, 1});
  return out;
}

std::vector<std::string> names_of(const std::vector<usage>& all) {
  std::vector<std::string> out;
  for (const auto& one : all)
    out.push_back(one.container);
  return out;
}

} // namespace

TEST_CASE("usage: rates are of the time between two snapshots",
          "[console][unit]") {
  auto before = std::vector{snapshot("a", 10s, 1s, 5, 1000)};
  before[0].stats.cpu->periods = 10;
  before[0].stats.cpu->throttled_periods = 10;
  auto now = std::vector{snapshot("a", 12s, 2s, 7, 5000)};
  now[0].stats.cpu->periods = 30;
  now[0].stats.cpu->throttled_periods = 15;
  auto all = usages(before, now, usage_order::cpu);
  REQUIRE(all.size() == 1);
  CHECK(all[0].processors == 0.5);
  CHECK(all[0].throttled == 0.25);
  CHECK(all[0].memory == 7);
  CHECK(all[0].read == 0.0);
  CHECK(all[0].written == 2000.0);
}

TEST_CASE(
    "usage: what was not there before has no rates, what went none at all",
    "[console][unit]") {
  auto before = std::vector{snapshot("a", 10s, 1s, 5, 0)};
  // Of the same name, but another container.
  auto now = std::vector{snapshot("a", 12s, 500ms, 7, 0), container_stats{}};
  now[0].id = "another";
  auto all = usages(before, now, usage_order::cpu);
  REQUIRE(all.size() == 1);
  CHECK_FALSE(all[0].processors);
  CHECK_FALSE(all[0].written);
  CHECK(table_of(all).text({})
        == "NAME  CPU %  THROTTLED %  MEMORY  LIMIT  SWAP  TASKS  READ/S  "
           "WRITTEN/S\n"
           "a     -      -            7 B     max    0 B   0      -       -\n");
}

TEST_CASE("usage: the largest is first, names decide between equals",
          "[console][unit]") {
  auto before =
      std::vector{snapshot("a", 0s, 0s, 0, 0), snapshot("b", 0s, 0s, 0, 0),
                  snapshot("c", 0s, 0s, 0, 0)};
  auto now =
      std::vector{snapshot("a", 1s, 1ms, 30, 5), snapshot("b", 1s, 3ms, 10, 9),
                  snapshot("c", 1s, 1ms, 20, 7)};
  auto order = [&](usage_order by) {
    return names_of(usages(before, now, by));
  };
  using words = std::vector<std::string>;
  CHECK(order(usage_order::cpu) == words{"b", "a", "c"});
  CHECK(order(usage_order::memory) == words{"a", "c", "b"});
  CHECK(order(usage_order::disk) == words{"b", "c", "a"});
  CHECK(order(usage_order::tasks) == words{"a", "b", "c"});
  CHECK(order(usage_order::name) == words{"a", "b", "c"});
  for (const auto* word : {"cpu", "memory", "tasks", "disk", "name"})
    CHECK(to_string(order_of(word).value()) == word);
  CHECK_FALSE(order_of("nothing"));
}
