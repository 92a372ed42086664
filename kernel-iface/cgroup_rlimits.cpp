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
#include <span>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

using changes = std::vector<rlimit_change>;

// So many descriptors at the same time.
constexpr auto pids_at_once = std::size_t{256};

// A fork bomb is through after a few: who was forked by somebody that has the
// limit has it.
constexpr auto most_rounds = 100;

__rlimit_resource in_glibc(int resource) {
  return static_cast<__rlimit_resource>(resource);
}

std::string text_of(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

std::string text_of(const rlimit& limit) {
  return text_of(limit.rlim_cur) + ":" + text_of(limit.rlim_max);
}

bool is_same(const rlimit& a, const rlimit& b) {
  return a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max;
}

/// Of a process that has `now`.
rlimit follow(const rlimit& now, const rlimit_change& change) {
  auto out = now;
  if (now.rlim_cur == change.before.rlim_cur)
    out.rlim_cur = change.value.rlim_cur;
  if (now.rlim_max == change.before.rlim_max)
    out.rlim_max = change.value.rlim_max;
  out.rlim_max = std::min(out.rlim_max, change.value.rlim_max);
  out.rlim_cur = std::min(out.rlim_cur, out.rlim_max);
  return out;
}

tl::unexpected<sys_error> refused(int code, const rlimit_change& change,
                                  const std::string& whose, const rlimit& now) {
  std::string hint;
  if (code == EPERM && change.resource == RLIMIT_NOFILE
      && change.value.rlim_max > now.rlim_max)
    hint = "raising a hard limit takes CAP_SYS_RESOURCE, and of descriptors "
           "none is above the sysctl fs.nr_open";
  else if (code == EPERM)
    hint = "raising a hard limit, or any of another user's process, takes "
           "CAP_SYS_RESOURCE";
  return make_error(code,
                    std::string{"set "}
                        + rlimit_name(static_cast<std::size_t>(change.resource))
                        + " to " + text_of(change.value),
                    whose + ", which has " + text_of(now), hint);
}

/// A process that is gone has no limits.
bool read(pid_t pid, int resource, rlimit& out) {
  return ::prlimit(pid, in_glibc(resource), nullptr, &out) == 0;
}

result<void> check_startable(const changes& all) {
  for (const auto& change : all) {
    auto most = most_rlimit(change.resource);
    if (change.value.rlim_max > most)
      return refused(EPERM, change, "processes of the container", {most, most});
  }
  return {};
}

result<void> check(pid_t pid, const changes& all) {
  for (const auto& change : all) {
    rlimit now{};
    auto whose = "process " + std::to_string(pid);
    if (!read(pid, change.resource, now)) {
      if (errno == ESRCH)
        return {};
      return refused(errno, change, whose, now);
    }
    auto most = std::max(now.rlim_max, most_rlimit(change.resource));
    if (follow(now, change).rlim_max > most)
      return refused(EPERM, change, whose, now);
  }
  return {};
}

/// True if something was changed.
result<bool> change_one(pid_t pid, const changes& all) {
  auto changes_it = false;
  for (const auto& change : all) {
    rlimit now{};
    if (!read(pid, change.resource, now)) {
      if (errno == ESRCH)
        return changes_it;
      return refused(errno, change, "process " + std::to_string(pid), now);
    }
    auto wanted = follow(now, change);
    if (is_same(now, wanted))
      continue;
    if (::prlimit(pid, in_glibc(change.resource), &wanted, nullptr) == 0)
      changes_it = true;
    else if (errno != ESRCH)
      return refused(errno, change, "process " + std::to_string(pid), now);
  }
  return changes_it;
}

bool is_alive(int pidfd) {
  pollfd item{pidfd, POLLIN, 0};
  return ::poll(&item, 1, 0) == 0;
}

/// prlimit(2) takes no pidfd. Whoever was a member when its pidfd was open
/// already, and lives still, has its pid: the kernel gives a pid away again
/// when it has come round through all others, which is not between two calls.
result<bool> change_some(const container_cgroup& group,
                         std::span<const pid_t> pids, const changes& all) {
  std::vector<std::pair<pid_t, unique_fd>> open;
  for (auto pid : pids)
    if (auto fd = unique_fd::adopt(
            static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))))
      open.emplace_back(pid, std::move(fd));
    else if (errno != ESRCH && errno != EINVAL)
      return last_error("open a pidfd of process", std::to_string(pid));
  auto members = group.pids(members::user_processes);
  if (!members)
    return tl::make_unexpected(std::move(members.error()));
  auto changed = false;
  for (const auto& [pid, fd] : open) {
    if (std::ranges::find(*members, pid) == members->end()
        || !is_alive(fd.get()))
      continue;
    auto done = change_one(pid, all);
    if (!done)
      return done;
    changed = changed || *done;
  }
  return changed;
}

/// True if something was changed.
result<bool> change_all(const container_cgroup& group, const changes& all) {
  auto pids = group.pids(members::user_processes);
  if (!pids)
    return tl::make_unexpected(std::move(pids.error()));
  auto changed = false;
  for (auto left = std::span<const pid_t>{*pids}; !left.empty();) {
    auto some = left.first(std::min(left.size(), pids_at_once));
    left = left.subspan(some.size());
    auto done = change_some(group, some, all);
    if (!done)
      return done;
    changed = changed || *done;
  }
  return changed;
}

result<void> change_until_none_is_left(const container_cgroup& group,
                                       const changes& all) {
  for (auto round = 0; round < most_rounds; ++round) {
    auto changed = change_all(group, all);
    if (!changed)
      return tl::make_unexpected(std::move(changed.error()));
    if (!*changed)
      return {};
  }
  return make_error(EAGAIN, "set limits of processes", group.id(),
                    "new ones come as fast");
}

} // namespace

result<void> set_rlimits(const container_cgroup& group, const changes& all) {
  if (auto ok = check_startable(all); !ok)
    return ok;
  auto pids = group.pids(members::user_processes);
  if (!pids)
    return tl::make_unexpected(std::move(pids.error()));
  for (auto pid : *pids)
    if (auto ok = check(pid, all); !ok)
      return ok;
  auto done = change_until_none_is_left(group, all);
  if (done)
    return done;
  // Somebody has lowered its own meanwhile, say.
  auto back = all;
  for (auto& change : back)
    std::swap(change.value, change.before);
  if (auto undone = change_until_none_is_left(group, back); !undone)
    done.error().hint += "; then, setting back: " + to_string(undone.error());
  return done;
}

} // namespace reeve::kernel
