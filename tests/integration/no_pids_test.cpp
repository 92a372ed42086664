// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Reeve's own share of the host's process numbers, all used.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace fs = std::filesystem;

namespace {

// Where all containers of the Reeve under test are counted.
std::string top_group() {
  for (const auto& top : noted_groups())
    if (fs::exists(top + "/pids.max"))
      return top;
  FAIL("no group counts the pids");
  return {};
}

/// As long as it lives there is no pid to be had.
class exhausted {
public:
  exhausted() : limit_(top_group() + "/pids.max") {
    std::ofstream{limit_} << read_file(top_group() + "/pids.current")
                          << std::flush;
    REQUIRE(read_file(limit_) == read_file(top_group() + "/pids.current"));
  }
  exhausted(const exhausted&) = delete;
  exhausted& operator=(const exhausted&) = delete;
  ~exhausted() {
    std::ofstream{limit_} << "max\n" << std::flush;
  }

private:
  std::string limit_;
};

/// A group beside Reeve's own, for processes that are to get no child.
class pen {
public:
  pen() = default;
  pen(const pen&) = delete;
  pen& operator=(const pen&) = delete;

  // The process may still be on its way out.
  ~pen() {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!path_.empty() && ::rmdir(path_.c_str()) != 0 && errno == EBUSY) {
      if (std::chrono::steady_clock::now() > until) {
        FAIL_CHECK("left behind: " + path_);
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }

  void lock_up(pid_t pid) {
    path_ = fs::path{top_group()}.parent_path()
            / ("reeve-test-pen-" + std::to_string(pid));
    REQUIRE(::mkdir(path_.c_str(), 0755) == 0);
    std::ofstream{path_ + "/cgroup.procs"} << pid << std::flush;
    allow("0");
  }

  void allow(const char* pids) const {
    std::ofstream{path_ + "/pids.max"} << pids << std::flush;
    REQUIRE(read_file(path_ + "/pids.max") == std::string{pids} + "\n");
  }

private:
  std::string path_;
};

std::set<std::string> ids_on_disk(const daemon_process& reeve) {
  std::set<std::string> out;
  for (const auto& item :
       fs::directory_iterator{reeve.root() + "/state/containers"})
    out.insert(item.path().filename());
  return out;
}

std::set<std::string> ids_in_groups() {
  std::set<std::string> out;
  for (const auto& top : noted_groups())
    for (const auto& item : fs::directory_iterator{top})
      if (item.is_directory() && item.path().filename() != "holders")
        out.insert(item.path().filename());
  return out;
}

// Files are deleted after the answer.
void check_only(const daemon_process& reeve, const std::set<std::string>& ids) {
  CHECK(ids_in_groups() == ids);
  eventually("its files are deleted",
             [&] { return ids_on_disk(reeve) == ids; });
}

void check_explained(const std::string& why) {
  INFO(why);
  auto names_it = why.find("fork") != std::string::npos // v1: its processes
                  || why.find("clone") != std::string::npos; // v2: PID 1, too
  CHECK(names_it);
  CHECK_THAT(why, ContainsSubstring("EAGAIN"));
  CHECK_THAT(why, ContainsSubstring("pids.max")); // what can be done
}

} // namespace

TEST_CASE("no pids: run and create say that fork failed, and what to do",
          "[integration][pids]") {
  if (!is_root())
    return;
  daemon_process reeve{{.pool_size = 0}};
  reeve.create("web");
  auto info = reeve.details_of("web").info;
  auto main = reeve.run("web", api_client::sleeper("main")).pid;
  const auto only = std::set<std::string>{info.id};
  auto spec = api_client::spec("two");
  spec.processes = {api_client::sleeper("one"), api_client::sleeper("other")};
  {
    exhausted none;
    for (auto type :
         {config::restart_type::temporary, config::restart_type::permanent}) {
      auto late = api_client::sleeper("late");
      late.restart.type = type;
      check_explained(
          reeve.refusal<process_started>(run_process{0, "web", late, false}));
      CHECK(reeve.details_of("web").processes.size() == 1);
      CHECK(children_of(info.pid) == std::vector<pid_t>{main});
    }
    check_explained(
        reeve.refusal<container_created>(create_container{0, spec, false}));
    CHECK(reeve.container_names() == std::vector<std::string>{"web"});
    check_only(reeve, only);
    // What needs no new process works.
    reeve.ask<limits_in_force>(set_limits{"web", {{"pids.limit", "100"}}});
    reeve.ask<process_is>(signal_process{"web", "main", SIGCONT, false});
    CHECK(reeve.process_of("web", "main").phase == process_phase::running);
  }
  reeve.run("web", api_client::sleeper("late"));
  reeve.create(spec);
  CHECK(reeve.process_of("two", "other").phase == process_phase::running);
  CHECK(reeve.process_of("web", "main").pid == main);

  // Nor is the end of one.
  exhausted none;
  reeve.destroy("two");
  CHECK(ids_in_groups() == only);
}

// On v1 PID 1 is born where the zygote is, which may be short of pids, too.
TEST_CASE("no pids: a create whose PID 1 cannot be forked says so",
          "[integration][pids]") {
  if (!is_root())
    return;
  pen around; // outlives the zygote
  daemon_process reeve{{.pool_size = 0}};
  if (!top_group().starts_with("/sys/fs/cgroup/pids/"))
    return skip("not cgroup v1");
  reeve.create("web");
  const auto only = std::set<std::string>{reeve.details_of("web").info.id};
  auto zygotes = helpers_called("reeve-zygote");
  REQUIRE(zygotes.size() == 1);
  around.lock_up(zygotes[0]);
  check_explained(reeve.refusal<container_created>(
      create_container{0, api_client::spec("two"), false}));
  CHECK(reeve.container_names() == std::vector<std::string>{"web"});
  check_only(reeve, only);
  CHECK(reeve.shell("web", "echo works").out == "works\n");
  around.allow("max");
  reeve.create("two");
  CHECK(reeve.shell("two", "echo works").out == "works\n");
  CHECK(helpers_called("reeve-zygote") == zygotes);
}

TEST_CASE("no pids: a process that is to be restarted is, once there are some",
          "[integration][pids]") {
  if (!is_root())
    return;
  daemon_process reeve{{.pool_size = 0}};
  reeve.create("web");
  auto spec = api_client::sleeper("always");
  spec.restart.type = config::restart_type::permanent;
  spec.restart.max_restarts = 1000;
  auto pid = reeve.run("web", spec).pid;
  {
    // Less than there are: the one that dies makes no room.
    exhausted none;
    std::ofstream{top_group() + "/pids.max"} << "0" << std::flush;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    eventually("its restart has failed", [&] {
      return reeve.process_of("web", "always").last.kind
             == exit_kind::start_failed;
    });
    CHECK(to_string(reeve.process_of("web", "always").last).find("fork")
          != std::string::npos);
  }
  eventually("it runs again", [&] {
    auto now = reeve.process_of("web", "always");
    return now.phase == process_phase::running && is_alive(now.pid);
  });
}
