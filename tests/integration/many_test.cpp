// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <caf/scoped_actor.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <ostream>
#include <set>
#include <sstream>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

// Every namespace that some process of this host is in, but for those of
// processes that come and go.
std::set<std::string> namespaces_of_helpers() {
  std::set<std::string> out;
  for (const auto& item : host_snapshot::take().processes)
    for (const auto* kind : {"net", "mnt", "pid", "user", "ipc", "uts"}) {
      std::error_code err;
      out.insert(std::filesystem::read_symlink(
          "/proc/" + std::to_string(std::stoi(item)) + "/ns/" + kind, err));
    }
  return out;
}

std::size_t descriptors_of(pid_t pid) {
  std::size_t out = 0;
  std::error_code err;
  for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator{
           "/proc/" + std::to_string(pid) + "/fd", err})
    ++out;
  return out;
}

struct counts {
  std::size_t groups = 0;
  std::size_t mounts = 0;
  std::size_t namespaces = 0;
  std::size_t processes = 0;
  std::size_t descriptors = 0;
  std::size_t of_helpers = 0; ///< their descriptors
  std::size_t directories = 0;

  bool operator==(const counts&) const = default;

  static counts take(const instance& reeve) {
    counts out;
    for (const auto& top : noted_groups())
      for (const auto& item :
           std::filesystem::recursive_directory_iterator{top})
        out.groups += item.is_directory() ? 1U : 0U;
    auto host = host_snapshot::take();
    out.mounts = host.mounts.size();
    out.namespaces = namespaces_of_helpers().size();
    out.processes = host.processes.size();
    out.descriptors = descriptors_of(::getpid());
    for (const auto* name : {"reeve-zygote", "reeve-broker"})
      for (auto pid : helpers_called(name))
        out.of_helpers += descriptors_of(pid);
    for ([[maybe_unused]] const auto& item :
         std::filesystem::directory_iterator{reeve.root()
                                             + "/state/containers"})
      ++out.directories;
    return out;
  }
};

std::ostream& operator<<(std::ostream& out, const counts& x) {
  return out << "groups " << x.groups << ", mounts " << x.mounts
             << ", namespaces " << x.namespaces << ", processes " << x.processes
             << ", descriptors " << x.descriptors << ", of helpers "
             << x.of_helpers << ", directories " << x.directories;
}

// One life after another in each thread; Catch2's assertions are for one
// thread only, so problems are collected.
class crowd {
public:
  explicit crowd(instance& reeve) : reeve_(reeve) {}

  void live(unsigned count, unsigned at_a_time) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < at_a_time; ++i)
      threads.emplace_back([this, count] {
        while (!failed_) {
          auto number = next_++;
          if (number >= count)
            return;
          one("c" + std::to_string(number));
        }
      });
    for (auto& thread : threads)
      thread.join();
    next_ = 0;
  }

  [[nodiscard]] std::string problem() const {
    return problem_;
  }

private:
  void one(const std::string& name) {
    caf::scoped_actor self{reeve_.system()};
    if (ask<container_created>(self,
                               create_container{0, instance::spec(name), false})
        && ask<process_started>(
            self, run_process{0, name, instance::sleeper("main"), false}))
      ask<container_is>(self, destroy_container{name, true, 0});
  }

  template <class Reply, class Request>
  bool ask(caf::scoped_actor& self, const Request& what) {
    bool good = false;
    self->request(reeve_.api(), std::chrono::seconds{60}, what)
        .receive([&](const Reply&) { good = true; },
                 [&](const caf::error& err) {
                   std::lock_guard hold{mutex_};
                   problem_ = actors::text_of(err);
                   failed_ = true;
                 });
    return good;
  }

  instance& reeve_;
  std::atomic<unsigned> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string problem_;
};

std::filesystem::path find_file(const std::string& below,
                                const std::string& name) {
  for (const auto& item : std::filesystem::recursive_directory_iterator{below})
    if (item.path().filename() == name)
      return item.path();
  FAIL("there is no file " + name + " below " + below);
  return {};
}

uid_t owner_of(const std::filesystem::path& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_uid;
}

} // namespace

TEST_CASE("many: a thousand containers, sixteen at a time, leave nothing",
          "[integration][many]") {
  if (!is_root())
    return;
  instance reeve{0};
  crowd all{reeve};
  all.live(32, 16); // what is made once is made now
  REQUIRE(all.problem() == "");
  eventually("the files of the last one are deleted",
             [&] { return counts::take(reeve).directories == 0; });
  counts before = counts::take(reeve);
  all.live(1000, 16);
  REQUIRE(all.problem() == "");
  CHECK(reeve.container_names().empty());
  // Descriptors and zombies go when the last message has been handled.
  auto after = counts::take(reeve);
  for (int i = 0; i < 100 && !(after == before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    after = counts::take(reeve);
  }
  CHECK(after == before);
}

TEST_CASE("many: three Reeves on three roots do not meet",
          "[integration][many]") {
  if (!is_root())
    return;
  instance first;
  instance second;
  auto third = std::make_unique<instance>();
  std::set<std::uint32_t> bases;
  std::vector<pid_t> pids;
  for (auto* reeve : {&first, &second, third.get()}) {
    reeve->create("web");
    pids.push_back(reeve->run("web", instance::sleeper("main")).pid);
    bases.insert(reeve->details_of("web").info.uid_base);
    CHECK(reeve->container_names() == std::vector<std::string>{"web"});
  }
  CHECK(bases.size() == 3);
  first.restart();
  third.reset();
  CHECK_FALSE(is_alive(pids[2]));
  CHECK(is_alive(pids[0]));
  CHECK(is_alive(pids[1]));
  first.destroy("web");
  CHECK_FALSE(is_alive(pids[0]));
  CHECK(is_alive(pids[1]));
  CHECK(second.process_of("web", "main").pid == pids[1]);
  CHECK(second.shell("web", "echo works").out == "works\n");
}

TEST_CASE("many: a file of one container belongs to nobody in another",
          "[integration][many]") {
  if (!is_root())
    return;
  instance reeve;
  std::set<uid_t> owners;
  for (const auto* name : {"one", "two", "three"}) {
    reeve.create(name);
    reeve.shell(name, "echo x > /mine; chown 1000 /mine");
    auto info = reeve.details_of(name).info;
    auto owner = owner_of(
        find_file(reeve.root() + "/state/containers/" + info.id, "mine"));
    CHECK(owner == info.uid_base + 1000);
    CHECK(reeve.shell(name, "stat -c %u /mine").out == "1000\n");
    // The kernel maps exactly this range, so no other id means anything.
    auto map = read_file("/proc/" + std::to_string(info.pid) + "/uid_map");
    std::istringstream in{map};
    uid_t inside = 1;
    uid_t outside = 0;
    uid_t count = 0;
    in >> inside >> outside >> count;
    CHECK(inside == 0);
    CHECK(outside == info.uid_base);
    CHECK(count == 65'536);
    for (auto other : owners) {
      bool apart = other < outside || other - outside >= count;
      CHECK(apart);
    }
    owners.insert(owner);
  }
  CHECK(owners.size() == 3);
}
