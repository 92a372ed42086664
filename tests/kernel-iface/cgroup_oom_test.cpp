// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_oom.hpp"

#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <cerrno>
#include <string>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr auto control = "memory/reeve-t/c1/memory.oom_control";

struct v1_container : fake_cgroups {
  v1_container() : fake_cgroups{cgroup_mode::v1} {}
  container_cgroup group = must(open().create("c1"));

  void put_memory(const std::string& file, const std::string& text) {
    put("memory/reeve-t/c1/" + file, text);
  }
};

struct v2_container : fake_cgroups {
  v2_container() : fake_cgroups{cgroup_mode::v2} {}
  container_cgroup group = must(open().create("c1"));

  void put_memory(const std::string& file, const std::string& text) {
    put("unified/reeve-t/c1/box/" + file, text);
  }
};

} // namespace

TEST_CASE("cgroup oom: v1 pauses, by the container's own limit",
          "[kernel-iface][cgroup]") {
  v1_container c;
  c.put(control, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  CHECK(must(get_oom_pause(c.group)) == oom_pause::off);
  c.put(control, "");
  must(set_oom_pause(c.group, oom_pause::on));
  CHECK(c.get(control) == "1");

  c.put_memory("memory.limit_in_bytes", "8192\n");
  c.put_memory("memory.usage_in_bytes", "8192\n");
  c.put(control, "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n");
  CHECK(must(get_oom_pause(c.group)) == oom_pause::on);
  CHECK(must(get_memory_need(c.group)) == memory_need::none);
  c.put(control, "oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::real);
  CHECK(must(is_out_of_memory(c.group)));
  // A group above it is: there is room here.
  c.put_memory("memory.usage_in_bytes", "4096\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::unfounded);
  CHECK(!must(is_out_of_memory(c.group)));
  // Though page cache fills it.
  c.put_memory("memory.usage_in_bytes", "8192\n");
  c.put("memory/reeve-t/memory.oom_control", "under_oom 1\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::unfounded);
  c.put("memory/reeve-t/memory.oom_control", "under_oom 0\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::real);
  c.put_memory("memory.usage_in_bytes", "4096\n");
  // Or it is memory and swap together that are at their end.
  c.put_memory("memory.memsw.limit_in_bytes", "16384\n");
  c.put_memory("memory.memsw.usage_in_bytes", "16384\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::real);
  c.put_memory("memory.memsw.limit_in_bytes", "9223372036854771712\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::unfounded);
  // Of a large one it is not an eighth that is left.
  c.put_memory("memory.limit_in_bytes", "1073741824\n");
  c.put_memory("memory.usage_in_bytes", "1069547520\n"); // 4 MiB below
  CHECK(must(get_memory_need(c.group)) == memory_need::unfounded);
  c.put_memory("memory.usage_in_bytes", "1072693248\n"); // 1 MiB
  CHECK(must(get_memory_need(c.group)) == memory_need::real);
  CHECK(count_shortages(c.group).error().code == ENOTSUP);
}

TEST_CASE("cgroup oom: v2 has a wire below the limit",
          "[kernel-iface][cgroup]") {
  v2_container c;
  auto high = std::string{"unified/reeve-t/c1/box/memory.high"};
  c.put_memory("memory.max", "1048576\n");
  c.put_memory("memory.high", "max\n");
  CHECK(must(get_oom_pause(c.group)) == oom_pause::off);
  auto refused = set_oom_pause(c.group, oom_pause::on);
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOTSUP);
  CHECK(c.get(high) == "max\n");
  c.put_memory("memory.reclaim", "");
  must(set_oom_pause(c.group, oom_pause::on));
  CHECK(c.get(high).starts_with("983040")); // 15/16
  c.put_memory("memory.high", "983040\n");
  CHECK(must(get_oom_pause(c.group)) == oom_pause::on);
  must(set_oom_pause(c.group, oom_pause::off));
  CHECK(c.get(high).starts_with("max"));
  // Never more than 32 MiB below.
  c.put_memory("memory.high", "");
  c.put_memory("memory.max", "4294967296\n");
  must(set_oom_pause(c.group, oom_pause::on));
  CHECK(c.get(high) == "4261412864");
  // No limit, no wire.
  c.put_memory("memory.high", "");
  c.put_memory("memory.max", "max\n");
  must(set_oom_pause(c.group, oom_pause::on));
  CHECK(c.get(high) == "max");

  c.put_memory("memory.high", "4096\n");
  c.put_memory("memory.current", "4096\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::none);
  c.put_memory("memory.current", "8192\n");
  CHECK(must(get_memory_need(c.group)) == memory_need::real);
  c.put_memory("memory.events", "low 1\nhigh 2\nmax 3\noom 0\noom_kill 0\n");
  CHECK(must(count_shortages(c.group)) == 5);
  // The kernel takes the reclaim: so there was something to be reclaimed.
  c.put_memory("memory.reclaim", "");
  CHECK(!must(is_out_of_memory(c.group)));
  CHECK(c.get("unified/reeve-t/c1/box/memory.reclaim") == "4096");
}
