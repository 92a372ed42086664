// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What a thousand containers leave in a real daemon that keeps a warm pool.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <ostream>
#include <set>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace fs = std::filesystem;

namespace {

constexpr auto pool = 8U;

std::size_t entries_in(const std::string& directory) {
  std::error_code err;
  fs::directory_iterator all{directory, err};
  return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
}

std::size_t lines_in(const std::string& path) {
  auto text = read_file(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string process_dir(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

struct counts {
  std::size_t descriptors = 0; ///< of reeved
  std::size_t of_helpers = 0;  ///< descriptors of zygote and broker
  std::size_t threads = 0;     ///< of reeved
  std::size_t groups = 0;
  std::size_t mounts = 0;            ///< as the host sees it
  std::size_t mounts_of_helpers = 0; ///< in their own namespaces
  std::size_t namespaces = 0;        ///< in which something of ours lives
  std::size_t processes = 0;
  std::size_t directories = 0;

  bool operator==(const counts&) const = default;

  static counts take(const daemon_process& reeve) {
    counts out;
    out.descriptors = entries_in(process_dir(reeve.pid()) + "/fd");
    out.threads = entries_in(process_dir(reeve.pid()) + "/task");
    for (const auto* name : {"reeve-zygote", "reeve-broker"})
      for (auto pid : helpers_called(name)) {
        out.of_helpers += entries_in(process_dir(pid) + "/fd");
        out.mounts_of_helpers += lines_in(process_dir(pid) + "/mountinfo");
      }
    std::error_code err;
    for (const auto& top : noted_groups())
      for (const auto& item : fs::recursive_directory_iterator{top, err})
        out.groups += item.is_directory(err) ? 1U : 0U;
    auto host = host_snapshot::take();
    out.mounts = host.mounts.size();
    out.processes = host.processes.size();
    std::set<std::string> namespaces;
    for (const auto& item : host.processes)
      for (const auto* kind :
           {"net", "mnt", "pid", "user", "ipc", "uts", "cgroup", "time"})
        namespaces.insert(fs::read_symlink(
            process_dir(std::stoi(item)) + "/ns/" + kind, err));
    out.namespaces = namespaces.size();
    out.directories = entries_in(reeve.root() + "/state/containers");
    return out;
  }
};

std::ostream& operator<<(std::ostream& out, const counts& x) {
  return out << "descriptors " << x.descriptors << ", of helpers "
             << x.of_helpers << ", threads " << x.threads << ", groups "
             << x.groups << ", mounts " << x.mounts << ", of helpers "
             << x.mounts_of_helpers << ", namespaces " << x.namespaces
             << ", processes " << x.processes << ", directories "
             << x.directories;
}

// The pool is full: neither is a kit being made nor one being discarded.
counts at_rest(daemon_process& reeve) {
  eventually("the pool is full", [&] {
    return reeve.ask<daemon_info>(get_daemon{}).pool_ready == pool;
  });
  auto last = counts::take(reeve);
  auto same = 0;
  eventually("nothing changes any more", [&] {
    auto now = counts::take(reeve);
    same = now == last ? same + 1 : 0;
    last = now;
    return same == 5;
  });
  return last;
}

// Catch2's assertions are for one thread only, so a problem is kept.
std::string live(daemon_process& reeve, unsigned count, unsigned at_a_time) {
  std::atomic<unsigned> next{0};
  std::mutex mutex;
  std::string problem;
  auto good = [&](const std::string& complaint) {
    std::lock_guard hold{mutex};
    if (!complaint.empty())
      problem = complaint;
    return problem.empty();
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < at_a_time; ++i)
    threads.emplace_back([&] {
      for (auto number = next++; number < count; number = next++) {
        auto name = "c" + std::to_string(number);
        auto spec = api_client::sleeper("main");
        if (!good(reeve.complaint<container_created>(
                create_container{0, api_client::spec(name), false}))
            || !good(reeve.complaint<process_started>(
                run_process{0, name, spec, false}))
            || !good(reeve.complaint<container_is>(
                destroy_container{name, true, 0})))
          return;
      }
    });
  for (auto& thread : threads)
    thread.join();
  return problem;
}

} // namespace

TEST_CASE("many: a daemon with a warm pool is after a thousand containers as "
          "it was before",
          "[integration][many]") {
  if (!is_root())
    return;
  daemon_process reeve{{.pool_size = pool}};
  REQUIRE(live(reeve, 64, 16).empty()); // what is made once is made now
  auto before = at_rest(reeve);
  auto hits = reeve.ask<daemon_info>(get_daemon{}).pool_hits;
  CHECK(live(reeve, 1000, 16).empty());
  CHECK(reeve.container_names().empty());
  CHECK(at_rest(reeve) == before);
  CHECK(reeve.ask<daemon_info>(get_daemon{}).pool_hits > hits);
}
