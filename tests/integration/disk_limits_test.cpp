// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Bandwidth, operations and weights of a disk that only the test uses.

#include "tests/integration/limit_requests.hpp"
#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The disk of a daemon, with the containers' files on it.
class disk_of {
public:
  explicit disk_of(const daemon_process& daemon) {
    struct stat st {};
    REQUIRE(::stat(daemon.disk().c_str(), &st) == 0);
    numbers_ = std::to_string(major(st.st_dev)) + ":"
               + std::to_string(minor(st.st_dev));
    path_ = "/dev/loop" + std::to_string(minor(st.st_dev));
    REQUIRE(numbers_.starts_with("7:"));
    CHECK(read_file(sysfs() + "/queue/scheduler").find("[bfq]")
          == std::string::npos);
  }

  disk_of(const disk_of&) = delete;
  disk_of& operator=(const disk_of&) = delete;

  /// The device outlives the disk, and its scheduler does.
  ~disk_of() {
    if (!scheduler_.empty())
      CHECK(put("/queue/scheduler", scheduler_));
  }

  [[nodiscard]] const std::string& path() const {
    return path_;
  }

  [[nodiscard]] const std::string& numbers() const {
    return numbers_;
  }

  /// What it has done since it was made, Documentation/block/stat.rst.
  struct work {
    double reads = 0;
    double read_bytes = 0;
    double writes = 0;
    double written_bytes = 0;
  };

  [[nodiscard]] work done() const {
    constexpr auto sector = 512;
    std::istringstream in{read_file(sysfs() + "/stat")};
    double field[8] = {};
    for (auto& value : field)
      in >> value;
    REQUIRE(in);
    return {field[0], field[2] * sector, field[4], field[6] * sector};
  }

  /// Without what it does for programs that have just begun, and patient with
  /// those that a slow machine keeps from their next request. It does not fill
  /// the time in which one container thinks with the requests of another one
  /// (Documentation/block/bfq-iosched.rst, strict_guarantees): whoever is
  /// slower than the disk would get no more than that one.
  [[nodiscard]] bool use_bfq() {
    auto all =
        read_file(sysfs() + "/queue/scheduler"); // the one is in brackets
    auto begin = all.find('[') + 1;
    scheduler_ = all.substr(begin, all.find(']') - begin);
    return put("/queue/scheduler", "bfq")
           && put("/queue/iosched/low_latency", "0")
           && put("/queue/iosched/strict_guarantees", "1")
           && put("/queue/iosched/slice_idle_us", "1000000")
           && put("/queue/iosched/timeout_sync", "10000")
           && put("/queue/iosched/max_budget", "1024");
  }

private:
  [[nodiscard]] std::string sysfs() const {
    return "/sys/dev/block/" + numbers_;
  }

  [[nodiscard]] bool put(const char* file, const std::string& value) const {
    std::ofstream out{sysfs() + file};
    out << value;
    return static_cast<bool>(out.flush());
  }

  std::string numbers_;
  std::string path_;
  std::string scheduler_; ///< that was there, if another one is now
};

// Reads or writes a file past the page cache; one of 16 MiB.
config::process_spec worker(const std::string& id, const char* file,
                            const char* how, const char* kib) {
  return api_client::process(id, {"probe", "disk", how, file, kib});
}

void start(daemon_process& reeve, const std::string& container,
           const config::process_spec& spec) {
  reeve.run(container, spec);
  eventually("it has begun", [&] {
    return output_so_far(reeve, container, spec.id) == "ready\n";
  });
}

// Of the disk, per second, over six of them.
template <class Field>
double rate(daemon_process& reeve, const disk_of& disk, Field field,
            const std::string& process) {
  auto before = disk.done().*field;
  auto start = std::chrono::steady_clock::now();
  // Nothing else can be waited for but the time that is measured.
  reeve.ask<process_is>(wait_process{"box", process, 6000});
  auto seconds =
      std::chrono::duration<double>{std::chrono::steady_clock::now() - start};
  REQUIRE(seconds.count() > 5);
  return (disk.done().*field - before) / seconds.count();
}

bool is_within(double value, double wanted, double part) {
  return std::abs(value - wanted) <= wanted * part;
}

} // namespace

TEST_CASE("limits: a disk is read and written as fast as it may be",
          "[integration][limits][disk]") {
  if (!has_loop_devices())
    return;
  probe_image image;
  daemon_process reeve{{.disk_mib = 256}};
  disk_of disk{reeve};
  reeve.create(image.spec("box"));
  constexpr auto bps = 4.0 * mib;
  constexpr auto iops = 200.0;
  struct row {
    const char* key;
    const char* limit;
    const char* how;
    const char* kib;
    double disk_of::work::*field;
    double wanted;
  };
  for (auto [key, limit, how, kib, field, wanted] :
       {row{"io.write_bps", "4M", "w", "64", &disk_of::work::written_bytes,
            bps},
        row{"io.read_bps", "4M", "r", "64", &disk_of::work::read_bytes, bps},
        row{"io.write_iops", "200", "w", "4", &disk_of::work::writes, iops},
        row{"io.read_iops", "200", "r", "4", &disk_of::work::reads, iops}}) {
    INFO(key);
    CHECK(limit_of(reeve, "box", key) == "max");
    // Several, so that the disk has the next one to do when it may go on.
    std::vector<std::string> ids;
    for (const auto* file : {"/a", "/b", "/c", "/d"}) {
      ids.push_back(std::string{how} + kib + (file + 1));
      start(reeve, "box", worker(ids.back(), file, how, kib));
    }
    // By its path, while it is at work; in the listing as well.
    set(reeve, "box", {{key, disk.path() + ":" + limit}});
    CHECK(limit_of(reeve, "box", key) == disk.path() + ":" + limit);
    auto found = rate(reeve, disk, field, ids.front());
    INFO("per second " << found << ", wanted " << wanted);
    CHECK(is_within(found, wanted, 0.15));
    // And it goes away.
    set(reeve, "box", {{key, "max"}});
    CHECK(limit_of(reeve, "box", key) == "max");
    auto before = disk.done().*field;
    eventually("it is faster than it was",
               [&] { return disk.done().*field - before > 6 * wanted; });
    for (const auto& id : ids)
      reeve.ask<process_is>(stop_process{"box", id, 0});
  }
}

TEST_CASE("limits: weights share a disk", "[integration][limits][disk]") {
  if (!has_loop_devices())
    return;
  probe_image image;
  daemon_process reeve{{.disk_mib = 256}};
  disk_of disk{reeve};
  if (!disk.use_bfq())
    return skip("the kernel has no scheduler bfq");
  std::uint64_t served[2] = {};
  const char* names[] = {"box", "light"};
  pid_t pids[2] = {};
  for (auto i = 0; i < 2; ++i) {
    reeve.create(image.spec(names[i]));
    start(reeve, names[i], worker("a", "/a", "w", "64"));
    pids[i] = reeve.process_of(names[i], "a").pid;
  }
  set(reeve, "box", {{"io.weight", "300"}});
  CHECK(limit_of(reeve, "box", "io.weight") == "300");
  CHECK(limit_of(reeve, "light", "io.weight") == "100");
  // Bytes that the kernel has written for the container.
  auto written = [&](pid_t pid) {
    std::istringstream in{read_file(limits_file(
        pid, "blkio", "blkio.throttle.io_service_bytes", "io.stat"))};
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(disk.numbers() + " "))
        continue;
      for (const auto* word : {" Write ", " wbytes="})
        if (auto at = line.find(word); at != std::string::npos)
          return std::stoull(line.substr(at + std::string{word}.size()));
    }
    FAIL("the kernel says nothing of the disk");
    return 0ULL;
  };
  for (auto i = 0; i < 2; ++i)
    served[i] = written(pids[i]);
  // Nothing else can be waited for but the time that is measured.
  reeve.ask<process_is>(wait_process{"box", "a", 6000});
  for (auto i = 0; i < 2; ++i)
    served[i] = written(pids[i]) - served[i];
  auto ratio = static_cast<double>(served[0]) / static_cast<double>(served[1]);
  INFO("ratio " << ratio);
  CHECK(is_within(ratio, 3, 0.25));
}

TEST_CASE("limits: what is no disk is refused, and what was there stays",
          "[integration][limits][disk]") {
  if (!has_loop_devices())
    return;
  daemon_process reeve{{.disk_mib = 64}};
  disk_of disk{reeve};
  reeve.create("box");
  set(reeve, "box", {{"io.write_bps", disk.numbers() + ":4M"}});
  auto in_force = disk.path() + ":4M";
  auto refusal = [&](const std::string& value) {
    return reeve.refusal<limits_in_force>(
        set_limits{"box", {{"pids.limit", "50"}, {"io.write_bps", value}}});
  };
  CHECK_THAT(refusal("/dev/null:1M"),
             ContainsSubstring("it is no block device"));
  CHECK_THAT(refusal("/dev/nothing-of-that-name:1M"),
             ContainsSubstring("ENOENT"));
  CHECK_THAT(refusal("4095:1:1M"), ContainsSubstring("ENODEV"));
  CHECK_THAT(refusal(disk.path() + ":1M," + disk.numbers() + ":2M"),
             ContainsSubstring("named twice"));
  CHECK_THAT(refusal(disk.path() + ":1M,4095:1:1M"),
             ContainsSubstring("4095:1"));
  CHECK_THAT(refusal("/etc/passwd:1M"),
             ContainsSubstring("is not the name of a device"));
  CHECK_THAT(refusal(disk.path()), ContainsSubstring("has no amount"));
  CHECK(limit_of(reeve, "box", "io.write_bps") == in_force);
  CHECK(limit_of(reeve, "box", "pids.limit") == "2048");
}
