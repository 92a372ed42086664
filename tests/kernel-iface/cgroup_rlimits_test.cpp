// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_rlimits.hpp"

#include "kernel-iface/rlimits.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "tests/kernel-iface/cgroup_fixture.hpp"

#include <sys/syscall.h>
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
    pidfd_ =
        unique_fd::adopt(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
    REQUIRE(pidfd_);
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

  [[nodiscard]] int pidfd() const {
    return pidfd_.get();
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
  unique_fd pidfd_;
};

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
  child holder;
  child follows;
  child has_less;
  child has_other_soft;
  child uses_all;
  child has_both;
  child has_more;
  child outside;
  auto before = rlimit{100, 200};
  for (const auto* one : {&holder, &follows, &outside})
    one->set(before);
  has_less.set({10, 20});
  has_other_soft.set({110, 200});
  uses_all.set({200, 200});
  has_both.set({100, 150});
  has_more.set({250, 300});
  child gone;
  c.hold({follows.pid(), has_less.pid(), has_other_soft.pid(), uses_all.pid(),
          has_both.pid(), has_more.pid(), gone.pid()});
  gone.end();
  std::vector<rlimit_change> change{{RLIMIT_NOFILE, rlimit{50, 120}, before}};
  must(check_rlimits(c.group, {holder.pid(), holder.pidfd()}, change));
  CHECK(follows.get() == "100:200");
  must(apply_rlimits(c.group, change));
  CHECK(follows.get() == "50:120");
  CHECK(has_less.get() == "10:20");
  CHECK(has_other_soft.get() == "110:120");
  CHECK(uses_all.get() == "120:120");
  CHECK(has_both.get() == "100:120");
  CHECK(has_more.get() == "120:120");
  CHECK(outside.get() == "100:200");
  CHECK(holder.get() == "100:200");

  // Up again, as far as the hard one goes: who has raised the soft one as far
  // as it went does so again.
  change = {{RLIMIT_NOFILE, rlimit{80, 120}, rlimit{50, 120}}};
  must(apply_rlimits(c.group, change));
  CHECK(follows.get() == "80:120");
  CHECK(uses_all.get() == "120:120");
  CHECK(has_both.get() == "100:120");
}

TEST_CASE("rlimits: what cannot be is known before anything is done",
          "[kernel-iface][cgroup]") {
  container c;
  child holder;
  child first;
  child second;
  auto before = rlimit{100, 100};
  for (const auto* one : {&first, &second})
    one->set(before);
  c.hold({first.pid(), second.pid()});
  rlimit_giver giver{holder.pid(), holder.pidfd()};
  auto refusal = [&](rlimit value) {
    auto done = check_rlimits(c.group, giver, {{RLIMIT_NOFILE, value, before}});
    return done ? std::string{} : to_string(done.error());
  };
  // Of PID 1, which could not give it to anybody.
  auto most = most_rlimit(RLIMIT_NOFILE);
  auto why = refusal({most + 1, most + 1});
  CHECK(why.find("RLIMIT_NOFILE") != std::string::npos);
  CHECK(why.find("EPERM") != std::string::npos);
  CHECK(why.find(std::to_string(holder.pid())) != std::string::npos);
  // Ours are higher, and that does not help them.
  why = refusal({200, 200});
  CHECK(why.empty() == may_raise_rlimits());
  if (!may_raise_rlimits())
    CHECK(why.find("which has 100:100") != std::string::npos);
  // PID 1 is given what it is to give.
  if (may_raise_rlimits()) {
    holder.set({20, 30});
    CHECK(refusal({200, 200}).empty());
    CHECK(holder.get() == "20:200");
  }
  CHECK(first.get() == "100:100");
  CHECK(second.get() == "100:100");
  CHECK(refusal({50, 100}).empty());
  // Nobody follows.
  child other;
  other.set({30, 40});
  c.hold({other.pid()});
  CHECK(refusal({200, 200}).empty());
  must(apply_rlimits(c.group, {{RLIMIT_NOFILE, {200, 200}, before}}));
  CHECK(other.get() == "30:40");
}

TEST_CASE("rlimits: a process is given its own whatever it has",
          "[kernel-iface][cgroup]") {
  child one;
  one.set({10, 60});
  must(give_rlimits(one.pid(), one.pidfd(), {{RLIMIT_NOFILE, {50, 60}, {}}}));
  CHECK(one.get() == "50:60");
  must(give_rlimits(one.pid(), one.pidfd(), {{RLIMIT_NOFILE, {70, 80}, {}}}));
  CHECK(one.get() == (may_raise_rlimits() ? "70:80" : "60:60"));
  // It has lowered its own since.
  one.set({10, 20});
  must(give_rlimits(one.pid(), one.pidfd(),
                    {{RLIMIT_NOFILE, {50, 60}, {100, 200}}}));
  CHECK(one.get() == "10:20");
  auto pid = one.pid();
  one.end(); // and its pid is nobody's, or another's
  must(give_rlimits(pid, one.pidfd(), {{RLIMIT_NOFILE, {5, 5}, {}}}));
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
