// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/oom_victim.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/process_stats.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace reeve::kernel {

namespace {

struct candidate {
  std::int64_t points = 0;
  pid_t pid = 0;
};

/// -1000 to 1000, in thousandths of what the container has.
std::optional<std::int64_t> adjustment_of(pid_t pid) {
  auto path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return std::nullopt;
  auto content = read_all(fd.get(), path);
  if (!content)
    return std::nullopt;
  auto text = std::string_view{*content};
  auto value = std::int64_t{0};
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} ? std::optional{value} : std::nullopt;
}

/// As the kernel's oom_badness() has it, without the page tables.
std::optional<candidate> rate(pid_t pid, std::uint64_t in_use) {
  constexpr auto never = -1000;
  auto adjustment = adjustment_of(pid);
  if (!adjustment || *adjustment == never)
    return std::nullopt;
  auto stats = read_process_stats(pid);
  if (!stats)
    return std::nullopt;
  auto own = static_cast<std::int64_t>(stats->resident + stats->swap);
  return candidate{own + *adjustment * static_cast<std::int64_t>(in_use / 1000),
                   pid};
}

} // namespace

result<std::vector<pid_t>> oom_victims(const container_cgroup& group) {
  auto listed = group.pids(members::user_processes);
  if (!listed)
    return tl::make_unexpected(std::move(listed.error()));
  auto in_use = memory_in_use(group);
  if (!in_use)
    return tl::make_unexpected(std::move(in_use.error()));
  std::vector<candidate> rated;
  for (auto pid : *listed)
    if (auto one = rate(pid, *in_use); one && pid != ::getpid())
      rated.push_back(*one);
  std::ranges::sort(rated, std::ranges::greater{}, &candidate::points);
  std::vector<pid_t> out(rated.size());
  std::ranges::transform(rated, out.begin(), &candidate::pid);
  return out;
}

result<unique_fd> kill_member(const container_cgroup& group, pid_t pid) {
  auto pidfd =
      unique_fd::adopt(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd && errno == ESRCH)
    return unique_fd{};
  if (!pidfd)
    return last_error("open a pidfd of process", std::to_string(pid));
  // The pid may be another's by now: a member it must be with the pidfd open.
  auto still = group.pids(members::user_processes);
  if (!still)
    return tl::make_unexpected(std::move(still.error()));
  if (std::ranges::find(*still, pid) == still->end())
    return unique_fd{};
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0U) == 0)
    return pidfd;
  if (errno == ESRCH)
    return unique_fd{};
  return last_error("kill process", std::to_string(pid));
}

bool ends_until(int pidfd, std::chrono::steady_clock::time_point when) {
  using std::chrono::milliseconds;
  pollfd item{pidfd, POLLIN, 0};
  for (;;) {
    auto left = std::chrono::ceil<milliseconds>(
        when - std::chrono::steady_clock::now());
    auto timeout = static_cast<int>(std::max(left, milliseconds{0}).count());
    auto count = ::poll(&item, 1, timeout);
    if (count >= 0 || errno != EINTR)
      return count == 1;
  }
}

} // namespace reeve::kernel
