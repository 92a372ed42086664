// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/private_mounts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

/// Empty on hosts that are not hybrid.
std::string cgroup2_of_hybrid_host() {
  auto v2 = std::string{};
  bool v1 = false;
  auto mounts = std::ifstream{"/proc/self/mounts"};
  for (auto line = std::string{}; std::getline(mounts, line);) {
    std::string source;
    std::string target;
    std::string type;
    std::istringstream{line} >> source >> target >> type;
    v1 = v1 || type == "cgroup";
    if (type == "cgroup2")
      v2 = target;
  }
  return v1 ? v2 : std::string{};
}

/// In a forked child of a process that may have threads: system calls only.
int leave(const char* cgroup2) {
  if (::unshare(CLONE_NEWNS) != 0
      || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return errno;
  if (*cgroup2 != '\0' && ::umount2(cgroup2, MNT_DETACH) != 0)
    return errno;
  return 0;
}

/// The child's word: 0, or the errno of what was refused.
result<unique_fd> take_namespace(pid_t child, int socket) {
  int code = 0;
  ssize_t got = 0;
  do
    got = ::recv(socket, &code, sizeof code, 0);
  while (got < 0 && errno == EINTR);
  if (got != sizeof code)
    return make_error(EPIPE, "make", "a private mount namespace");
  if (code != 0)
    return make_error(code, "make", "a private mount namespace");
  const auto path = "/proc/" + std::to_string(child) + "/ns/mnt";
  auto ns = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!ns)
    return last_error("open", path);
  return ns;
}

} // namespace

result<unique_fd> make_private_mounts() {
  const auto cgroup2 = cgroup2_of_hybrid_host();
  auto ends = std::array<int, 2>{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return last_error("make", "a socket pair");
  auto ours = unique_fd::adopt(ends[0]);
  auto theirs = unique_fd::adopt(ends[1]);
  const pid_t child = ::fork();
  if (child < 0)
    return last_error("fork", "for a private mount namespace");
  if (child == 0) {
    ours.reset(); // or the end of the parent would never be seen
    int code = leave(cgroup2.c_str());
    if (::send(theirs.get(), &code, sizeof code, MSG_NOSIGNAL) > 0)
      (void)::recv(theirs.get(), &code, sizeof code, 0);
    ::_exit(0);
  }
  theirs.reset();
  auto ns = take_namespace(child, ours.get());
  ours.reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    // interrupted by a signal of ours
  }
  return ns;
}

} // namespace reeve::bench
