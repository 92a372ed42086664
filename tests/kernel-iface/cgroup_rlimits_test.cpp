// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_rlimits.hpp"

#include "kernel-iface/rlimits.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

using namespace reeve::kernel;
using namespace reeve::tests;

namespace {

/// Waits to be killed.
class child {
public:
  child() : pid_{::fork()} {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0)
      for (;;)
        ::pause();
  }

  child(const child&) = delete;
  child& operator=(const child&) = delete;

  ~child() {
    end();
  }

  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = 0;
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  void set(rlimit limit) const {
    REQUIRE(::prlimit(pid_, RLIMIT_NOFILE, &limit, nullptr) == 0);
  }

  [[nodiscard]] std::string get() const {
    rlimit now{};
    REQUIRE(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &now) == 0);
    return std::to_string(now.rlim_cur) + ":" + std::to_string(now.rlim_max);
  }

private:
  pid_t pid_;
};

rlimit_change descriptors(rlimit value, rlimit before) {
  return {RLIMIT_NOFILE, value, before};
}

/// A container of plain files, with real processes.
struct container : fake_cgroups {
  container() : fake_cgroups{cgroup_mode::v2} {}
  container_cgroup group = must(open().create("c1"));

  void hold(const std::vector<pid_t>& pids) const {
    std::string text;
    for (auto pid : pids)
      text += std::to_string(pid) + "\n";
    put("unified/reeve-t/c1/box/cgroup.procs", text);
  }
};

} // namespace

TEST_CASE("rlimits: who follows gets the new one, who has chosen keeps less",
          "[kernel-iface][cgroup]") {
  container c;
  child follows;
  child has_less;
  child has_other_soft;
  child has_more;
  child outside;
  auto before = rlimit{100, 200};
  follows.set(before);
  has_less.set({10, 20});
  has_other_soft.set({150, 200});
  has_more.set({250, 300});
  outside.set(before);
  child gone;
  c.hold({follows.pid(), has_less.pid(), has_other_soft.pid(), has_more.pid(),
          gone.pid()});
  gone.end();
  must(set_rlimits(c.group, {descriptors({50, 120}, before)}));
  CHECK(follows.get() == "50:120");
  CHECK(has_less.get() == "10:20");
  CHECK(has_other_soft.get() == "120:120");
  CHECK(has_more.get() == "120:120");
  CHECK(outside.get() == "100:200");
}

TEST_CASE("rlimits: no process is changed when one cannot be",
          "[kernel-iface][cgroup]") {
  container c;
  child first;
  child second;
  auto before = rlimit{100, 100};
  first.set(before);
  second.set(before);
  c.hold({first.pid(), second.pid()});
  auto most = most_rlimit(RLIMIT_NOFILE);
  auto refused =
      set_rlimits(c.group, {{RLIMIT_CORE, {0, 0}, {7, 7}},
                            descriptors({most + 1, most + 1}, before)});
  REQUIRE(!refused);
  CHECK(refused.error().code == EPERM);
  CHECK(to_string(refused.error()).find("RLIMIT_NOFILE") != std::string::npos);
  CHECK(first.get() == "100:100");
  CHECK(second.get() == "100:100");
}

TEST_CASE("rlimits: usual ones are ours, with few descriptors",
          "[kernel-iface][unit]") {
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &own) == 0);
  auto usual = usual_rlimits();
  CHECK(usual[RLIMIT_NOFILE].rlim_cur == std::min<rlim_t>(own.rlim_cur, 1024));
  CHECK(usual[RLIMIT_NOFILE].rlim_max == own.rlim_max);
  REQUIRE(::getrlimit(RLIMIT_STACK, &own) == 0);
  CHECK(usual[RLIMIT_STACK].rlim_cur == own.rlim_cur);
  CHECK(most_rlimit(RLIMIT_STACK) >= own.rlim_max);
  CHECK(std::string{rlimit_name(RLIMIT_NOFILE)} == "RLIMIT_NOFILE");
  CHECK(std::string{rlimit_name(RLIMIT_RTTIME)} == "RLIMIT_RTTIME");
}
