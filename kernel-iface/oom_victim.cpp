// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/oom_victim.hpp"

#include "kernel-iface/cgroup_file.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace reeve::kernel {

namespace {

struct candidate {
  std::uint64_t score = 0;
  pid_t pid = 0;
};

/// 0 for one that is not to be chosen, or has ended.
std::uint64_t score_of(pid_t pid) {
  auto path = "/proc/" + std::to_string(pid) + "/oom_score";
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return 0;
  auto text = read_all(fd.get(), path);
  return text ? parse_number(*text).value_or(0) : 0;
}

} // namespace

result<std::optional<oom_victim>> kill_largest(const container_cgroup& group) {
  auto listed = group.pids(members::user_processes);
  if (!listed)
    return tl::make_unexpected(std::move(listed.error()));
  std::vector<candidate> all;
  for (auto pid : *listed)
    if (auto score = score_of(pid); score != 0 && pid != ::getpid())
      all.push_back({score, pid});
  std::ranges::sort(all, std::ranges::greater{}, &candidate::score);
  for (const auto& item : all) {
    auto pidfd = unique_fd::adopt(
        static_cast<int>(::syscall(SYS_pidfd_open, item.pid, 0U)));
    if (!pidfd && errno != ESRCH)
      return last_error("open a pidfd of process", std::to_string(item.pid));
    // The pid may be another's by now: a member it must be with the pidfd open.
    auto still = group.pids(members::user_processes);
    if (!still)
      return tl::make_unexpected(std::move(still.error()));
    if (!pidfd || std::ranges::find(*still, item.pid) == still->end())
      continue;
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0U)
        == 0)
      return oom_victim{item.pid, std::move(pidfd)};
    if (errno != ESRCH)
      return last_error("kill process", std::to_string(item.pid));
  }
  return std::nullopt;
}

} // namespace reeve::kernel
