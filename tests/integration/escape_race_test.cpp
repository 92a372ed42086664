// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// CVE-2021-30465: what is a directory when it is looked at is a symlink when
// it is mounted on.

#include "tests/integration/probe_image.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/temp_directory.hpp"

#include <fcntl.h>
#include <linux/fs.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace fs = std::filesystem;

namespace {

/// Exchanges two names as fast as it can, for as long as it lives.
class swapper {
public:
  swapper(const fs::path& one, const fs::path& other)
      : thread_([this, one, other] {
          while (!over_) {
            if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(),
                            RENAME_EXCHANGE)
                == 0)
              ++swaps_;
            else
              std::this_thread::yield();
          }
        }) {}

  swapper(const swapper&) = delete;
  swapper& operator=(const swapper&) = delete;

  ~swapper() {
    over_ = true;
    thread_.join();
  }

  [[nodiscard]] unsigned long swaps() const {
    return swaps_;
  }

private:
  std::atomic<bool> over_{false};
  std::atomic<unsigned long> swaps_{0};
  std::thread thread_; // the last: it uses the others
};

// Where a process sees mounts, from proc_pid_mountinfo(5).
std::vector<std::string> mount_points_of(pid_t pid) {
  std::vector<std::string> out;
  std::istringstream in{
      read_file("/proc/" + std::to_string(pid) + "/mountinfo")};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string word;
    for (auto i = 0; i < 5; ++i)
      words >> word;
    out.push_back(word);
  }
  return out;
}

bool is_usual(const std::string& point) {
  for (const auto* top : {"/proc", "/sys", "/dev"})
    if (point == top || point.starts_with(std::string{top} + "/"))
      return true;
  return point == "/";
}

} // namespace

TEST_CASE("escape: a mount point that becomes a link at the wrong moment leads "
          "nowhere",
          "[integration][escape]") {
  if (!is_root())
    return;
  constexpr auto creates = 70;
  temp_directory host;
  fs::create_directories(host.path() + "/victim/sub");
  std::ofstream{host.path() + "/victim/file"} << "of the host\n";
  const auto victim = describe_tree(host.path());
  for (const auto* name : {"proc", "dev", "sys"})
    for (const auto& target :
         {host.path() + "/victim",
          std::string{"../../.."} + host.path() + "/victim"}) {
      INFO(name << " <-> " << target);
      probe_image image;
      const auto place = image.path() / name;
      const auto link = image.path() / ".link";
      fs::create_symlink(target, link);
      instance reeve;
      const auto mounts = host_snapshot::take().mounts;
      auto made = 0;
      auto refused = 0;
      unsigned long swaps = 0;
      {
        swapper attack{place, link};
        for (auto i = 0; i < creates; ++i) {
          auto why = reeve.complaint<container_created>(
              create_container{0, image.spec("box"), false});
          if (!why.empty()) {
            INFO(why);
            CHECK(why.find(std::string{"/"} + name) != std::string::npos);
            ++refused;
            continue;
          }
          ++made;
          auto points = mount_points_of(reeve.details_of("box").info.pid);
          CHECK(points.size() > 10);
          for (const auto& point : points) {
            INFO(point);
            CHECK(is_usual(point));
          }
          for (const auto* point : {"/proc", "/sys", "/dev", "/dev/pts"}) {
            INFO(point);
            CHECK(std::count(points.begin(), points.end(), point) == 1);
          }
          reeve.destroy("box");
        }
        swaps = attack.swaps();
      }
      CHECK(made + refused == creates);
      CHECK(made > 0);
      CHECK(refused > 0);
      CHECK(swaps > creates);
      CHECK(host_snapshot::take().mounts == mounts);
      CHECK(describe_tree(host.path()) == victim);
      CHECK(fs::is_empty(fs::is_symlink(place) ? link : place));
      CHECK(reeve.container_names().empty());
    }
}
