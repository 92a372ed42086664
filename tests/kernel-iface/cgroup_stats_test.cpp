// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_stats.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/process_stats.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <unistd.h>

#include <cerrno>
#include <ctime>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

constexpr auto box = "unified/reeve-t/c1/box/";

struct with_disks : fake_cgroups {
  with_disks() : fake_cgroups{cgroup_mode::hybrid} {
    put("blkio/x", "");
    mounts.v1.push_back(
        {(root.path() / "blkio").string(), {controller::blkio}});
  }
};

void fill_v1(const fake_cgroups& in) {
  auto cpu = std::string{"cpu,cpuacct/reeve-t/c1/"};
  auto memory = std::string{"memory/reeve-t/c1/"};
  in.put(cpu + "cpuacct.usage", "3000000\n");
  in.put(cpu + "cpuacct.usage_user", "2000000\n");
  in.put(cpu + "cpuacct.usage_sys", "1000000\n");
  in.put(cpu + "cpu.stat",
         "nr_periods 9\nnr_throttled 4\nthrottled_time 5000\n");
  in.put(memory + "memory.usage_in_bytes", "100\n");
  in.put(memory + "memory.max_usage_in_bytes", "200\n");
  in.put(memory + "memory.failcnt", "7\n");
  in.put(memory + "memory.oom_control",
         "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n");
  in.put(memory + "memory.stat",
         "cache 1\nrss 1\nactive_anon 1\ndirty 1\n"
         "hierarchical_memory_limit 9223372036854771712\n"
         "total_cache 20\ntotal_rss 30\ntotal_shmem 5\ntotal_swap 40\n"
         "total_dirty 8\ntotal_writeback 9\ntotal_pgfault 50\n"
         "total_pgmajfault 2\ntotal_inactive_anon 11\ntotal_active_anon 12\n"
         "total_inactive_file 13\ntotal_active_file 14\n");
  in.put("pids/reeve-t/c1/pids.current", "7\n");
  auto disks = std::string{"blkio/reeve-t/c1/blkio.throttle."};
  in.put(disks + "io_service_bytes_recursive",
         "4095:9 Read 4096\n4095:9 Write 8192\n4095:9 Sync 1\n4095:9 Total 1\n"
         "4095:8 Read 0\n4095:8 Write 0\nTotal 12288\n");
  in.put(disks + "io_serviced_recursive",
         "4095:9 Read 1\n4095:9 Write 2\n4095:8 Read 0\nTotal 3\n");
  in.put("unified/reeve-t/c1/cpu.pressure",
         "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\n"
         "full avg10=0.00 avg60=0.00 avg300=0.00 total=3\n");
}

void fill_v2(const fake_cgroups& in) {
  auto put = [&in](const char* file, const char* text) {
    in.put(std::string{box} + file, text);
  };
  put("cpu.stat", "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\n"
                  "nr_periods 9\nnr_throttled 4\nthrottled_usec 5\n");
  put("memory.current", "100\n");
  put("memory.peak", "200\n");
  put("memory.max", "max\n");
  put("memory.swap.current", "40\n");
  put("memory.events", "low 0\nhigh 0\nmax 7\noom 7\noom_kill 6\n");
  put("memory.stat", "anon 30\nfile 20\nshmem 5\nfile_dirty 8\n"
                     "file_writeback 9\ninactive_anon 11\nactive_anon 12\n"
                     "inactive_file 13\nactive_file 14\npgfault 50\n"
                     "pgmajfault 2\n");
  put("pids.current", "7\n");
  put("io.stat", "4095:9 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 "
                 "dios=0\n4095:8 rbytes=0 wbytes=0 rios=0 wios=0\n");
  put("cpu.pressure", "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\n"
                      "full avg10=0.00 avg60=0.00 avg300=0.00 total=3\n");
}

void check_story(const container_stats& stats) {
  REQUIRE((stats.cpu && stats.memory && stats.pids && stats.disks));
  CHECK(stats.taken.count() > 0);
  CHECK(stats.cpu->usage == std::chrono::milliseconds{3});
  CHECK(stats.cpu->user == std::chrono::milliseconds{2});
  CHECK(stats.cpu->system == std::chrono::milliseconds{1});
  CHECK(stats.cpu->periods == 9);
  CHECK(stats.cpu->throttled_periods == 4);
  CHECK(stats.cpu->throttled == std::chrono::microseconds{5});
  const auto& memory = *stats.memory;
  CHECK(memory.current == 100);
  CHECK(memory.peak == 200);
  CHECK(memory.limit == no_limit);
  CHECK(memory.swap == 40);
  CHECK(memory.anon == 30);
  CHECK(memory.file == 20);
  CHECK(memory.shmem == 5);
  CHECK(memory.inactive_anon == 11);
  CHECK(memory.active_anon == 12);
  CHECK(memory.inactive_file == 13);
  CHECK(memory.active_file == 14);
  CHECK(memory.dirty == 8);
  CHECK(memory.writeback == 9);
  CHECK(memory.faults == 50);
  CHECK(memory.major_faults == 2);
  CHECK(memory.limit_hits == 7);
  CHECK(memory.oom_kills == 6);
  CHECK(stats.pids->current == 7);
  REQUIRE(stats.disks->size() == 1); // the other one did nothing
  CHECK(stats.disks->front().device == "4095:9");
  CHECK(stats.disks->front().read_bytes == 4096);
  CHECK(stats.disks->front().written_bytes == 8192);
  CHECK(stats.disks->front().reads == 1);
  CHECK(stats.disks->front().writes == 2);
  REQUIRE(stats.cpu_pressure);
  CHECK(stats.cpu_pressure->some.avg10 == 1.5);
  CHECK(stats.cpu_pressure->some.avg60 == 0.25);
  CHECK(stats.cpu_pressure->some.total == std::chrono::microseconds{77});
  CHECK(stats.cpu_pressure->full.total == std::chrono::microseconds{3});
  CHECK_FALSE(stats.io_pressure);
}

} // namespace

TEST_CASE("cgroup stats: v1 and v2 tell the same story",
          "[kernel-iface][cgroup]") {
  auto one = with_disks{};
  auto first = stats_reader{must(one.open().create("c1"))};
  fill_v1(one);
  auto two = fake_cgroups{cgroup_mode::v2};
  auto second = stats_reader{must(two.open().create("c1"))};
  fill_v2(two);
  for (auto keeps : {false, true, true}) { // with descriptors that were kept
    check_story(must(first.read(keeps)));
    check_story(must(second.read(keeps)));
  }
  CHECK(first.most_descriptors() < 16);
}

TEST_CASE("cgroup stats: what is kept is read anew", "[kernel-iface][cgroup]") {
  auto two = fake_cgroups{cgroup_mode::v2};
  auto uut = stats_reader{must(two.open().create("c1"))};
  auto file = std::string{box} + "pids.current";
  two.put(file, "1234567\n");
  CHECK(must(uut.read(true)).pids->current == 1234567);
  two.put(file, "8\n"); // shorter than before
  CHECK(must(uut.read(true)).pids->current == 8);
  CHECK_FALSE(must(uut.read(true)).memory);
  two.put(std::string{box} + "memory.current", "5\n");
  CHECK_FALSE(must(uut.read(false)).memory); // that it was missing is kept, too
  CHECK(must(uut.read(true)).memory->current == 5);
}

TEST_CASE("cgroup stats: a missing controller is empty, a missing group an "
          "error",
          "[kernel-iface][cgroup]") {
  auto c = fake_cgroups{cgroup_mode::v2};
  auto uut = stats_reader{must(c.open().create("c1"))};
  auto refused = uut.read();
  REQUIRE(!refused);
  CHECK(refused.error().code == ENOENT);
  CHECK(to_string(refused.error()).find("'c1'") != std::string::npos);
  c.put(std::string{box} + "pids.current", "1\n");
  auto stats = must(uut.read());
  CHECK_FALSE(stats.memory);
  CHECK_FALSE(stats.cpu);
  REQUIRE(stats.pids);
}

TEST_CASE("process stats: those of this process", "[kernel-iface]") {
  auto stats = must(read_process_stats(::getpid()));
  CHECK(stats.parent == ::getppid());
  CHECK(stats.threads >= 1);
  CHECK(stats.resident > 1 << 20);
  CHECK(stats.faults > 0);
  auto burnt = std::clock() + CLOCKS_PER_SEC / 10;
  while (std::clock() < burnt)
    ;
  auto later = must(read_process_stats(::getpid()));
  CHECK(later.user + later.system - stats.user - stats.system
        >= std::chrono::milliseconds{80});
  CHECK(read_process_stats(0x7ffffff0).error().code == ESRCH);
}
