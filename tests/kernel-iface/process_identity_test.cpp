// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

using namespace reeve::kernel;

namespace {

/// A child that runs `setup`, then waits to be killed. The constructor returns
/// after `setup`.
class waiting_child {
public:
  template <class F>
  explicit waiting_child(F setup) {
    auto ends = std::array<int, 2>{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    auto ready = unique_fd::adopt(ends[0]);
    auto tell = unique_fd::adopt(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      auto ok = static_cast<char>(setup() ? 'y' : 'n');
      if (::write(tell.get(), &ok, 1) != 1)
        ::_exit(1);
      for (;;)
        ::pause();
    }
    REQUIRE(pid_ > 0);
    tell.reset();
    auto ok = 'n';
    auto got = ::read(ready.get(), &ok, 1);
    if (got != 1 || ok != 'y') {
      end();
      FAIL("the child could not set itself up");
    }
  }

  waiting_child(const waiting_child&) = delete;
  waiting_child& operator=(const waiting_child&) = delete;

  ~waiting_child() {
    end();
  }

  /// Kills it, and leaves a zombie until `end`.
  void kill_only() const {
    ::kill(pid_, SIGKILL);
    auto info = siginfo_t{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

  void end() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

private:
  pid_t pid_ = -1;
};

// glibc 2.36 declares pidfd_open without C linkage.
int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool nothing() {
  return true;
}

} // namespace

TEST_CASE("start_time: a hostile process name does not shift the fields",
          "[kernel-iface][process_identity]") {
  auto child =
      waiting_child([] { return ::prctl(PR_SET_NAME, ") S 1 (2 3 4)") == 0; });
  auto before = *start_time(::getpid());
  auto value = start_time(child.pid());
  REQUIRE(value);
  REQUIRE(*value);
  auto file = std::ifstream("/proc/uptime");
  auto uptime = 0.0;
  file >> uptime;
  auto now = static_cast<std::uint64_t>(
      uptime * static_cast<double>(::sysconf(_SC_CLK_TCK)));
  CHECK(**value >= *before);
  CHECK(**value <= now + 1);
}

TEST_CASE("start_time: stays for a zombie and is empty once it was reaped",
          "[kernel-iface][process_identity]") {
  auto child = waiting_child(nothing);
  auto pid = child.pid();
  auto alive = *start_time(pid);
  REQUIRE(alive);
  child.kill_only();
  CHECK(*start_time(pid) == alive);
  child.end();
  auto gone = start_time(pid);
  REQUIRE(gone);
  CHECK_FALSE(*gone);
}

TEST_CASE("boot_id: is one UUID, the same at every look",
          "[kernel-iface][process_identity]") {
  auto id = boot_id();
  REQUIRE(id);
  CHECK(id->size() == 36);
  CHECK(id->find('\n') == std::string::npos);
  CHECK(*boot_id() == *id);
}

TEST_CASE("pid_of: follows a pidfd until the process is reaped",
          "[kernel-iface][process_identity]") {
  auto child = waiting_child(nothing);
  auto fd = unique_fd::adopt(open_pidfd(child.pid()));
  REQUIRE(fd);
  CHECK(*pid_of(fd.get()) == child.pid());
  child.kill_only();
  CHECK(*pid_of(fd.get()) == child.pid());
  child.end();
  auto gone = pid_of(fd.get());
  REQUIRE(gone);
  CHECK_FALSE(*gone);
}

TEST_CASE("pid_of: a descriptor that is no pidfd is an error",
          "[kernel-iface][process_identity]") {
  auto null = unique_fd::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(pid_of(null.get()).error().code == EINVAL);
  CHECK(pid_of(987654).error().code == ENOENT);
}

TEST_CASE("namespaces_of: tells which ones a child left",
          "[kernel-iface][process_identity]") {
  auto own = namespaces_of(::getpid());
  REQUIRE(own);
  REQUIRE(*own);
  auto same = waiting_child(nothing);
  CHECK(*namespaces_of(same.pid()) == *own);
  auto moved = waiting_child([] { return ::unshare(CLONE_NEWUTS) == 0; });
  auto ids = namespaces_of(moved.pid());
  REQUIRE(ids);
  REQUIRE(*ids);
  CHECK((*ids)->uts != (*own)->uts);
  auto with_own_uts = **ids;
  with_own_uts.uts = (*own)->uts;
  CHECK(with_own_uts == **own);
}

TEST_CASE("namespaces_of: the ids are the inode numbers of the links",
          "[kernel-iface][process_identity]") {
  struct stat net = {};
  REQUIRE(::stat("/proc/self/ns/net", &net) == 0);
  auto own = *namespaces_of(::getpid());
  CHECK(own->net == net.st_ino);
  CHECK(own->user != 0);
  CHECK(own->mnt != 0);
}

TEST_CASE("namespaces_of: is empty for a zombie and for nobody",
          "[kernel-iface][process_identity]") {
  auto child = waiting_child(nothing);
  auto pid = child.pid();
  child.kill_only();
  auto zombie = namespaces_of(pid);
  REQUIRE(zombie);
  CHECK_FALSE(*zombie);
  child.end();
  auto gone = namespaces_of(pid);
  REQUIRE(gone);
  CHECK_FALSE(*gone);
}
