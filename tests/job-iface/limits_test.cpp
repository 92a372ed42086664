// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/limited_child.hpp"
#include "tests/support/skip.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "job-iface/reeve_limits.h"

using reeve::kernel::unique_fd;
using reeve::tests::is_root;
using reeve::tests::limited_child;

namespace {

struct free_limits {
  void operator()(reeve_limits* what) const {
    ::reeve_limits_free(what);
  }
};

using owned_limits = std::unique_ptr<reeve_limits, free_limits>;

int exit_status_of(pid_t pid) {
  auto status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/// In a child where that directory is empty but for what it makes there; it
/// exits with what the function says.
int with_empty(const char* directory, const std::function<int()>& what) {
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0
        || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
        || ::mount("tmpfs", directory, "tmpfs", 0, nullptr) != 0)
      ::_exit(100);
    ::_exit(what());
  }
  return exit_status_of(pid);
}

int with_own_dev(const std::function<int()>& what) {
  return with_empty("/dev", what);
}

unique_fd listen_for_callers() {
  auto fd =
      unique_fd::adopt(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, REEVE_LIMITS_SOCKET);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address))
          != 0
      || ::listen(fd.get(), 1) != 0)
    ::_exit(101);
  return fd;
}

/// Answers whoever asks, one time, in a process of its own.
void answer_once(const unique_fd& listener, const std::string& word,
                 const std::string& answer) {
  if (::fork() != 0)
    return;
  auto fd = unique_fd::adopt(::accept(listener.get(), nullptr, nullptr));
  char asked[64] = "";
  if (::recv(fd.get(), asked, sizeof(asked) - 1, 0) > 0 && word == asked)
    ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  ::_exit(0);
}

} // namespace

TEST_CASE("limits of a job: without a supervisor, what can be seen",
          "[job-iface]") {
  owned_limits all{::reeve_limits_read(1000)};
  REQUIRE(all);
  CHECK(!all->is_told);
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  const auto* soft = ::reeve_limits_find(all.get(), "rlimit.nofile", false);
  const auto* hard = ::reeve_limits_find(all.get(), "rlimit.nofile", true);
  REQUIRE(soft != nullptr);
  REQUIRE(hard != nullptr);
  CHECK(soft->value == files.rlim_cur);
  CHECK(hard->value == files.rlim_max);
  CHECK(std::string{hard->source} == "RLIMIT_NOFILE");
  const auto* memory = ::reeve_limits_find(all.get(), "memory", true);
  REQUIRE(memory != nullptr);
  struct sysinfo host {};
  REQUIRE(::sysinfo(&host) == 0);
  CHECK(memory->value <= host.totalram * host.mem_unit);
  CHECK(::reeve_limits_find(all.get(), "memory", false) != nullptr);
  CHECK(::reeve_limits_find(all.get(), "nothing", true) == nullptr);
}

TEST_CASE("limits of a job: without descriptors nothing is told, rather than "
          "more than there is",
          "[job-iface]") {
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    auto none = rlimit{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    owned_limits all{::reeve_limits_of(::getpid())};
    ::_exit(!all && errno == EMFILE ? 0 : 1);
  }
  CHECK(exit_status_of(pid) == 0);
}

TEST_CASE("limits of a job: without /proc, what can be seen without",
          "[job-iface]") {
  if (!is_root())
    return;
  CHECK(with_empty("/proc",
                   [] {
                     owned_limits all{::reeve_limits_read(10)};
                     const auto* memory =
                         ::reeve_limits_find(all.get(), "memory", true);
                     const auto* files =
                         ::reeve_limits_find(all.get(), "rlimit.nofile", true);
                     if (memory == nullptr || memory->is_exact
                         || memory->value == REEVE_NO_LIMIT)
                       return 1;
                     rlimit own{};
                     ::getrlimit(RLIMIT_NOFILE, &own);
                     return files != nullptr && files->value == own.rlim_max
                                ? 0
                                : 2;
                   })
        == 0);
}

TEST_CASE("limits of a job: of another process, and of none", "[job-iface]") {
  limited_child child;
  owned_limits all{::reeve_limits_of(child.pid())};
  child.end();
  REQUIRE(all);
  CHECK(::reeve_limits_find(all.get(), "rlimit.nofile", false)->value == 33);
  CHECK(::reeve_limits_find(all.get(), "rlimit.nofile", true)->value == 44);
  CHECK(::reeve_limits_find(all.get(), "cpu", true)->value <= 1000);
  errno = 0;
  CHECK(::reeve_limits_of(child.pid()) == nullptr);
  CHECK(errno == ESRCH);
}

TEST_CASE("limits of a job: what is no answer is passed over", "[job-iface]") {
  if (!is_root())
    return;
  for (const auto* answer :
       {"", "x", "reeve limits 2\n", "reeve limits 1\ncpu",
        "reeve limits 1\ncpu hard", "reeve limits 1\ncpu hard x exact a\n",
        "reeve limits 1\ncpu hard 1 exact\n",
        "reeve limits 1\ncpu hard 1 exact a"}) {
    INFO(answer);
    CHECK(with_own_dev([&] {
            auto listener = listen_for_callers();
            answer_once(listener, "limits", answer);
            owned_limits all{::reeve_limits_read(5000)};
            return all && !all->is_told ? 0 : 1;
          })
          == 0);
  }
  // Who does not answer is not waited for.
  CHECK(with_own_dev([] {
          auto listener = listen_for_callers();
          for (auto i = 0; i < 5; ++i) { // also when nobody else fits in
            owned_limits all{::reeve_limits_read(10)};
            if (!all || all->is_told)
              return 1;
          }
          return 0;
        })
        == 0);
}

TEST_CASE("limits of a job: an answer, and no more to come", "[job-iface]") {
  if (!is_root())
    return;
  CHECK(with_own_dev([] {
          return ::reeve_limits_watch() == -1 && errno == ENOENT ? 0 : 1;
        })
        == 0);
  const auto* answer = "reeve limits 1\n"
                       "cpu hard 250 exact /../a b/cpu.max\n"
                       "memory soft max about \n";
  CHECK(with_own_dev([answer] {
          auto listener = listen_for_callers();
          answer_once(listener, "watch", answer);
          auto watch = unique_fd::adopt(::reeve_limits_watch());
          if (!watch)
            return 1;
          owned_limits all{::reeve_limits_next(watch.get())};
          if (!all || !all->is_told || all->count != 2)
            return 2;
          const auto& cpu = all->all[0];
          if (std::string{cpu.resource} != "cpu" || !cpu.is_hard
              || cpu.value != 250 || !cpu.is_exact
              || std::string{cpu.source} != "/../a b/cpu.max")
            return 3;
          const auto& memory = all->all[1];
          if (std::string{memory.resource} != "memory" || memory.is_hard
              || memory.value != REEVE_NO_LIMIT || memory.is_exact
              || *memory.source != '\0')
            return 4;
          return ::reeve_limits_next(watch.get()) == nullptr && errno == EPIPE
                     ? 0
                     : 5;
        })
        == 0);
}
