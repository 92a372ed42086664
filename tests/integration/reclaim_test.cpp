// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Memory that is taken back from a container on demand.

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/swap_disk.hpp"

#include <fstream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

/// Bytes of page cache without tmpfs, as the kernel counts them for the
/// container of `pid`.
std::uint64_t cached(pid_t pid) {
  auto stat = limits_file(pid, "memory", "memory.stat", "memory.stat");
  return field_in(stat, "active_file") + field_in(stat, "inactive_file");
}

std::uint64_t in_use(pid_t pid) {
  return std::stoull(read_file(
      limits_file(pid, "memory", "memory.usage_in_bytes", "memory.current")));
}

std::string pause_of(pid_t pid) {
  return read_file(
      limits_file(pid, "memory", "memory.oom_control", "memory.high"));
}

memory_reclaimed reclaim(api_client& reeve, std::uint64_t bytes) {
  return reeve.ask<memory_reclaimed>(reclaim_memory{"box", bytes});
}

} // namespace

TEST_CASE("reclaim: page cache goes, by parts and as a whole",
          "[integration][reclaim]") {
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = allocate(reeve, "box", "16");
  auto limit = kernel_limit(pid, "memory.limit");
  auto pause = pause_of(pid);
  reeve.shell("box", "dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null; "
                     "sync; cat /big >/dev/null");
  auto before = cached(pid);
  REQUIRE(before >= 60 * mib);

  auto part = reclaim(reeve, 24 * mib);
  CHECK(part.container == "box");
  CHECK(part.memory_before >= 76 * mib);
  CHECK(part.memory_after <= part.memory_before - 16 * mib);
  CHECK(part.memory_after <= in_use(pid) + mib); // what ends, ends late
  CHECK(part.memory_after + mib >= in_use(pid));
  CHECK(cached(pid) <= before - 16 * mib);
  CHECK(cached(pid) >= 8 * mib); // a part of it

  auto rest = reclaim(reeve, 0);
  CHECK(rest.memory_after < rest.memory_before);
  CHECK(cached(pid) <= 4 * mib);
  // More than there is, is all of it.
  CHECK(reclaim(reeve, std::uint64_t{1} << 40U).memory_after
        <= rest.memory_after + mib);

  // What is not to be had anywhere else stays, and so does all that was set.
  CHECK(is_alive(pid));
  CHECK(in_use(pid) >= 16 * mib);
  CHECK(kernel_limit(pid, "memory.limit") == limit);
  CHECK(pause_of(pid) == pause);
  CHECK(reeve.shell("box", "wc -c </big").out == "67108864\n");

  reeve.ask<container_is>(stop_container{"box", 0});
  auto why = reeve.refusal<memory_reclaimed>(reclaim_memory{"box", 0});
  CHECK(why.find("has no cgroup now") != std::string::npos);
}

TEST_CASE("reclaim: the rest goes to swap", "[integration][reclaim]") {
  if (!has_zram())
    return;
  swap_disk swap{128};
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  auto pid = allocate(reeve, "box", "48");
  auto done = reclaim(reeve, 32 * mib);
  CHECK(done.swap_before == 0);
  CHECK(done.swap_after >= 16 * mib);
  CHECK(done.memory_after <= done.memory_before - 16 * mib);
  CHECK(is_alive(pid));
}

TEST_CASE("reclaim: processes that grow and shrink meanwhile go on",
          "[integration][reclaim]") {
  probe_image image;
  instance reeve;
  reeve.create(image.spec("box"));
  // Four that take 16 MiB and give it back, again and again, beside page cache.
  auto grower = instance::process(
      "",
      {"sh", "-c",
       "while awk 'BEGIN { s = \"0123456789abcdef\"; "
       "while (length(s) < 4000000) s = s s }'; do cat /big >/dev/null; done"});
  reeve.shell("box", "dd if=/dev/zero of=/big bs=1M count=32 2>/dev/null");
  pid_t pid = 0;
  for (const auto* id : {"a", "b", "c", "d"}) {
    grower.id = id;
    pid = reeve.run("box", grower).pid;
  }
  // All that there is but a little.
  for (auto turn = 0; turn < 300; ++turn)
    reclaim(reeve, in_use(pid) - mib);
  CHECK(field_in(
            limits_file(pid, "memory", "memory.oom_control", "memory.events"),
            "oom_kill")
        == 0);
  for (const auto* id : {"a", "b", "c", "d"})
    CHECK(reeve.process_of("box", id).phase == process_phase::running);
}

TEST_CASE("reclaim: what a daemon leaves amid it is put back",
          "[integration][reclaim][adoption]") {
  if (is_cgroup2())
    return skip("cgroup2 reclaims without a limit");
  probe_image image;
  instance reeve;
  auto spec = image.spec("box");
  spec.limits.memory_bytes = 64 * mib;
  reeve.create(spec);
  auto pid = reeve.run("box", instance::sleeper("peer")).pid;
  reeve.go_down();
  auto put = [&](const char* file, const std::string& text) {
    std::ofstream out{limits_file(pid, "memory", file, "")};
    out << text;
    REQUIRE(out.flush());
  };
  put("memory.oom_control", "1");
  put("memory.limit_in_bytes", "33554432");
  reeve.come_up();
  CHECK(kernel_limit(pid, "memory.limit") == 64 * mib);
  CHECK(pause_of(pid).starts_with("oom_kill_disable 0\n"));
}
