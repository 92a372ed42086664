// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/forking.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace reeve::holder {

namespace {

using kernel::unique_fd;

long fork_into(int cgroup, unique_fd& pidfd) {
  auto raw = -1;
  auto pid = -1L;
  if (cgroup >= 0) {
    clone_args args{};
    args.flags = CLONE_PIDFD | CLONE_INTO_CGROUP;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&raw);
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
    pid = ::syscall(SYS_clone3, &args, sizeof(args));
  } else {
    pid = ::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &raw, nullptr,
                    nullptr);
  }
  if (pid > 0)
    pidfd = unique_fd::adopt(raw);
  return pid;
}

/// Nobody is born in a group that has all the tasks it may have (EAGAIN), but
/// nobody who joins is held up: so help can come in, as on v1. Nor in a group
/// outside of our cgroup namespace (ENOENT, with nsdelegate), which may be
/// another container's; who joins by a file of the daemon's has its namespace.
long fork_towards(int cgroup, unique_fd& pidfd, bool& has_yet_to_join) {
  auto pid = fork_into(cgroup, pidfd);
  if (pid >= 0 || cgroup < 0 || (errno != EAGAIN && errno != ENOENT))
    return pid;
  has_yet_to_join = true;
  return fork_into(-1, pidfd);
}

} // namespace

// A child that is not dumpable may not even write its own oom_score_adj, and
// the program's first children shall have it, too: so it is inherited.
long fork_child(const fork_request& how, unique_fd& pidfd, child_note& note,
                bool& has_yet_to_join) {
  if (how.oom_score_adj == kernel::holder::no_oom_score_adj)
    return fork_towards(how.cgroup, pidfd, has_yet_to_join);
  std::array<char, 16> own{};
  auto text = std::to_string(how.oom_score_adj);
  auto size = ::pread(how.oom_score, own.data(), own.size(), 0);
  if (size <= 0 || ::pwrite(how.oom_score, text.data(), text.size(), 0) < 0) {
    note.step = kernel::holder::spawn_step::set_oom_score;
    text.copy(note.subject, sizeof(note.subject) - 1);
    return -1;
  }
  auto pid = fork_towards(how.cgroup, pidfd, has_yet_to_join);
  auto code = errno;
  if (pid == 0)
    return 0;
  // Else those that name no score would have this one.
  if (::pwrite(how.oom_score, own.data(), static_cast<std::size_t>(size), 0) < 0
      && pid > 0) {
    code = errno;
    note.step = kernel::holder::spawn_step::set_oom_score;
    ::kill(static_cast<pid_t>(pid), SIGKILL); // reaped as an orphan
    pid = -1;
  }
  errno = code;
  return pid;
}

bool make_pipe(unique_fd& reads, unique_fd& writes) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return false;
  reads = unique_fd::adopt(fds[0]);
  writes = unique_fd::adopt(fds[1]);
  return true;
}

} // namespace reeve::holder
