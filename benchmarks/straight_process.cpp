// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/straight_process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;

namespace {

constexpr const char* busybox = "/work/lower/bin/busybox";

} // namespace

result<pid_t> spawn_busybox(const char* applet, const char* argument) {
  auto argv = std::array<char*, 3>{const_cast<char*>(applet),
                                   const_cast<char*>(argument), nullptr};
  auto envp = std::array<char*, 1>{nullptr};
  // Written by the child, which shares our memory until then.
  volatile int failed = 0;
  const pid_t pid = ::vfork(); // NOLINT: measured here, not used elsewhere
  if (pid == 0) {
    ::execve(busybox, argv.data(), envp.data());
    // Reading errno is a call to the analyzer; it only reads a thread-local.
    failed = errno; // NOLINT(clang-analyzer-unix.Vfork)
    ::_exit(127);
  }
  if (pid < 0)
    return last_error("fork", applet);
  if (failed != 0) {
    ::waitpid(pid, nullptr, 0);
    return make_error(failed, "exec", busybox);
  }
  return pid;
}

result<int> collect(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return last_error("wait for", "busybox");
  return status;
}

result<void> kill_and_collect(pid_t pid) {
  if (::kill(pid, SIGKILL) != 0)
    return last_error("kill", "busybox");
  if (auto status = collect(pid); !status)
    return tl::make_unexpected(std::move(status.error()));
  return {};
}

} // namespace reeve::bench
