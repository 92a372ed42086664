// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_rlimits.hpp"

#include "kernel-iface/rlimits.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

using changes = std::vector<rlimit_change>;

// So many descriptors at the same time.
constexpr auto pids_at_once = std::size_t{256};

// New processes come as long as there is a fork bomb; but who was forked by
// somebody that has the limit has it.
constexpr auto most_rounds = 100;

__rlimit_resource in_glibc(int resource) {
  return static_cast<__rlimit_resource>(resource);
}

bool is_same(const rlimit& a, const rlimit& b) {
  return a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max;
}

/// Of a process that has `now`.
rlimit follow(const rlimit& now, const rlimit_change& change) {
  auto out = now;
  if (now.rlim_max == change.before.rlim_max) {
    out.rlim_max = change.value.rlim_max;
    if (now.rlim_cur == change.before.rlim_cur)
      out.rlim_cur = change.value.rlim_cur;
    else if (now.rlim_cur == now.rlim_max)
      out.rlim_cur = out.rlim_max;
  }
  out.rlim_max = std::min(out.rlim_max, change.value.rlim_max);
  out.rlim_cur = std::min(out.rlim_cur, out.rlim_max);
  return out;
}

/// Of a PID 1: it needs no more than its hard limits to give them to children.
rlimit raise_hard(const rlimit& now, const rlimit_change& change) {
  return {now.rlim_cur, std::max(now.rlim_max, change.value.rlim_max)};
}

/// Of a process that was just started with `before`.
rlimit give(const rlimit& now, const rlimit_change& change) {
  if (now.rlim_max < std::min(change.before.rlim_max, change.value.rlim_max))
    return now;
  auto out = change.value;
  if (out.rlim_max > now.rlim_max && !may_raise_rlimits())
    out.rlim_max = now.rlim_max;
  out.rlim_cur = std::min(out.rlim_cur, out.rlim_max);
  return out;
}

tl::unexpected<sys_error> refused(int code, const rlimit_change& change,
                                  pid_t pid, const rlimit& now) {
  auto raises = change.value.rlim_max > now.rlim_max;
  std::string hint;
  if (code == EPERM && raises && change.resource == RLIMIT_NOFILE)
    hint = "raising a hard limit takes CAP_SYS_RESOURCE, and of descriptors "
           "none is above the sysctl fs.nr_open";
  else if (code == EPERM)
    hint = "raising a hard limit, or any of another user's process, takes "
           "CAP_SYS_RESOURCE";
  return make_error(
      code,
      std::string{"set "}
          + rlimit_name(static_cast<std::size_t>(change.resource)) + " to "
          + to_string(change.value),
      "process " + std::to_string(pid) + ", which has " + to_string(now), hint);
}

bool read(pid_t pid, int resource, rlimit& out) {
  return ::prlimit(pid, in_glibc(resource), nullptr, &out) == 0;
}

/// What a process is to have that has `now`.
using wanted_rlimit = rlimit (*)(const rlimit& now, const rlimit_change&);

result<void> check(pid_t pid, const rlimit_change& change,
                   wanted_rlimit wanted) {
  rlimit now{};
  if (!read(pid, change.resource, now)) {
    if (errno == ESRCH)
      return {};
    return refused(errno, change, pid, now);
  }
  auto hard = wanted(now, change).rlim_max;
  if (hard <= now.rlim_max
      || (may_raise_rlimits() && hard <= most_rlimit(change.resource)))
    return {};
  return refused(EPERM, change, pid, now);
}

result<void> set(pid_t pid, const rlimit_change& change, const rlimit& now,
                 const rlimit& wanted) {
  if (is_same(now, wanted)
      || ::prlimit(pid, in_glibc(change.resource), &wanted, nullptr) == 0
      || errno == ESRCH)
    return {};
  return refused(errno, change, pid, now);
}

void keep_first(result<void>& all, result<void> one) {
  if (all && !one)
    all = std::move(one);
}

/// Goes on after a refusal, and returns the first.
result<void> set_each(pid_t pid, const changes& all, wanted_rlimit wanted) {
  result<void> done;
  for (const auto& change : all) {
    rlimit now{};
    if (read(pid, change.resource, now))
      keep_first(done, set(pid, change, now, wanted(now, change)));
    else if (errno != ESRCH)
      keep_first(done, refused(errno, change, pid, now));
  }
  return done;
}

bool is_alive(int pidfd) {
  pollfd item{pidfd, POLLIN, 0};
  return pidfd >= 0 && ::poll(&item, 1, 0) == 0;
}

/// prlimit(2) takes no pidfd. Whoever was a member when its pidfd was open
/// already, and lives still, has its pid: the kernel gives a pid away again
/// when it has come round through all others, which is not between two calls.
result<void> change_some(const container_cgroup& group,
                         std::span<const pid_t> pids, const changes& all) {
  result<void> done;
  std::vector<std::pair<pid_t, unique_fd>> open;
  for (auto pid : pids)
    if (auto fd = unique_fd::adopt(
            static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))))
      open.emplace_back(pid, std::move(fd));
    else if (errno != ESRCH && errno != EINVAL)
      keep_first(done,
                 last_error("open a pidfd of process", std::to_string(pid)));
  auto members = group.pids(members::own_processes);
  if (!members)
    return tl::make_unexpected(std::move(members.error()));
  for (const auto& [pid, fd] : open)
    if (std::ranges::find(*members, pid) != members->end()
        && is_alive(fd.get()))
      keep_first(done, set_each(pid, all, follow));
  return done;
}

} // namespace

result<void> check_rlimits(const container_cgroup& group,
                           const rlimit_giver& holder, const changes& all) {
  auto pids = group.pids(members::own_processes);
  if (!pids)
    return tl::make_unexpected(std::move(pids.error()));
  auto holder_lives = is_alive(holder.pidfd);
  for (const auto& change : all) {
    if (holder_lives)
      if (auto ok = check(holder.pid, change, raise_hard); !ok)
        return ok;
    for (auto pid : *pids)
      if (auto ok = check(pid, change, follow); !ok)
        return ok;
  }
  return holder_lives ? set_each(holder.pid, all, raise_hard) : result<void>{};
}

result<void> apply_rlimits(const container_cgroup& group, const changes& all) {
  result<void> done;
  std::set<pid_t> seen;
  for (auto round = 0; round < most_rounds; ++round) {
    auto pids = group.pids(members::own_processes);
    if (!pids)
      return tl::make_unexpected(std::move(pids.error()));
    std::erase_if(*pids, [&](pid_t pid) { return !seen.insert(pid).second; });
    if (pids->empty())
      break;
    for (auto left = std::span<const pid_t>{*pids}; !left.empty();) {
      auto some = left.first(std::min(left.size(), pids_at_once));
      left = left.subspan(some.size());
      keep_first(done, change_some(group, some, all));
    }
  }
  return done;
}

result<void> give_rlimits(pid_t pid, int pidfd, const changes& all) {
  return is_alive(pidfd) ? set_each(pid, all, give) : result<void>{};
}

} // namespace reeve::kernel
