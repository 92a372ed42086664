// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/effective_limits.hpp"

#include "kernel-iface/cgroup_resources.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace reeve::kernel {

namespace {

constexpr auto per_processor = std::uint64_t{1000};

result<std::string> content(const std::string& path) {
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  return read_all(fd.get(), path);
}

/// "max" and what v1 has for it are no_limit.
result<std::uint64_t> number_in(const std::string& path) {
  return content(path).map([](const std::string& text) {
    auto words = split_words(text);
    auto value = words.empty() ? std::nullopt : parse_number(words.front());
    return value && *value < v1_unlimited ? *value : no_limit;
  });
}

/// What is before the next `end`, which is taken off the text with it.
std::string_view take_until(char end, std::string_view& text) {
  auto part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

/// How many are in a list as "0-3,8".
std::uint64_t count_of(std::string_view list) {
  auto out = std::uint64_t{0};
  while (!list.empty()) {
    auto item = take_until(',', list);
    auto dash = item.find('-');
    auto first = parse_number(item.substr(0, dash));
    auto last = dash == item.npos ? first : parse_number(item.substr(dash + 1));
    if (first && last && *last >= *first)
      out += *last - *first + 1;
  }
  return out;
}

/// The least so far, and where it comes from. The first of the same.
class least {
public:
  explicit least(std::string resource, bool is_hard = true) {
    found_.resource = std::move(resource);
    found_.is_hard = is_hard;
    found_.value = no_limit;
  }

  void consider(std::uint64_t value, const std::string& source,
                bool is_exact = true) {
    if (value >= found_.value)
      return;
    found_.value = value;
    found_.source = source;
    found_.is_exact = is_exact;
  }

  /// What is not there limits nothing; what cannot be read may limit more.
  void consider(const result<std::uint64_t>& value, const std::string& source,
                bool is_exact = true) {
    if (value)
      consider(*value, source, is_exact);
    else if (value.error().code != ENOENT && value.error().code != ENODEV)
      sees_all_ = false;
  }

  [[nodiscard]] effective_limit found() const {
    auto out = found_;
    out.is_exact = out.is_exact && sees_all_;
    return out;
  }

private:
  effective_limit found_;
  bool sees_all_ = true;
};

/// The directories of one controller, from the process's own to the root.
using levels = std::vector<std::string>;

levels levels_to(const std::string& mount, std::string dir) {
  levels out;
  while (dir.size() > mount.size() && dir.starts_with(mount)) {
    out.push_back(dir);
    dir.resize(dir.rfind('/'));
  }
  out.push_back(mount);
  return out;
}

/// Empty if the machine has no such controller, or does not mount it.
std::string mount_of(const cgroup_mounts& mounts, controller which) {
  if (mounts.mode == cgroup_mode::v2)
    return mounts.unified;
  for (const auto& hierarchy : mounts.v1)
    if (hierarchy.controllers.contains(which))
      return hierarchy.mount;
  return {};
}

/// Where the groups of a process are, or of those that a container starts.
class place {
public:
  place(const cgroup_mounts& mounts,
        std::function<std::optional<std::string>(controller)> dir_of)
      : mounts_(mounts),
        dir_of_(std::move(dir_of)) {}

  [[nodiscard]] bool is_v2() const {
    return mounts_.mode == cgroup_mode::v2;
  }

  /// Empty if the machine has no such controller.
  [[nodiscard]] levels of(controller which) const {
    auto dir = dir_of_(which);
    auto mount = mount_of(mounts_, which);
    return dir && !mount.empty() ? levels_to(mount, *dir) : levels{};
  }

private:
  const cgroup_mounts& mounts_;
  std::function<std::optional<std::string>(controller)> dir_of_;
};

void consider_all(least& out, const levels& dirs, const char* file) {
  for (const auto& dir : dirs)
    out.consider(number_in(dir + "/" + file), dir + "/" + file);
}

// -- resources ----------------------------------------------------------------

result<std::uint64_t> quota_v1(const std::string& dir) {
  auto quota = number_in(dir + "/cpu.cfs_quota_us"); // -1 is none
  if (!quota || *quota == no_limit)
    return quota;
  return number_in(dir + "/cpu.cfs_period_us")
      .map([&quota](std::uint64_t period) {
        return period != 0 ? *quota * per_processor / period : no_limit;
      });
}

result<std::uint64_t> quota_v2(const std::string& dir) {
  return content(dir + "/cpu.max").map([](const std::string& text) {
    auto words = split_words(text);
    auto quota = words.empty() ? std::nullopt : parse_number(words[0]);
    auto period = words.size() < 2 ? std::nullopt : parse_number(words[1]);
    return quota && period.value_or(0) != 0 ? *quota * per_processor / *period
                                            : no_limit;
  });
}

void consider_quotas(least& out, const place& where) {
  for (const auto& dir : where.of(controller::cpu)) {
    if (where.is_v2())
      out.consider(quota_v2(dir), dir + "/cpu.max");
    else
      out.consider(quota_v1(dir), dir + "/cpu.cfs_quota_us");
  }
}

// The kernel has them cut to what the groups above have.
void consider_cpusets(least& out, const place& where) {
  const auto* file =
      where.is_v2() ? "/cpuset.cpus.effective" : "/cpuset.effective_cpus";
  for (const auto& dir : where.of(controller::cpuset)) {
    auto count = content(dir + file).map([](const std::string& list) {
      return count_of(list) * per_processor;
    });
    out.consider(count, dir + file);
    if (count) // on v2 only where the controller is used
      return;
  }
}

effective_limit cpu(const place& where, std::optional<pid_t> pid) {
  least out{"cpu"};
  consider_quotas(out, where);
  consider_cpusets(out, where);
  cpu_set_t sets[8]; // for as many as a kernel can be built for
  if (pid && ::sched_getaffinity(*pid, sizeof sets, sets) == 0)
    out.consider(static_cast<std::uint64_t>(CPU_COUNT_S(sizeof sets, sets))
                     * per_processor,
                 "affinity");
  auto online = ::sysconf(_SC_NPROCESSORS_ONLN);
  if (online > 0)
    out.consider(static_cast<std::uint64_t>(online) * per_processor, "machine");
  return out.found();
}

struct machine_memory {
  std::uint64_t ram = no_limit;
  std::uint64_t swap = no_limit;
};

machine_memory memory_of_machine() {
  struct sysinfo host {};
  if (::sysinfo(&host) != 0)
    return {};
  return {host.totalram * host.mem_unit, host.totalswap * host.mem_unit};
}

effective_limit memory(const place& where) {
  least out{"memory"};
  consider_all(out, where.of(controller::memory),
               where.is_v2() ? "memory.max" : "memory.limit_in_bytes");
  out.consider(memory_of_machine().ram, "machine");
  return out.found();
}

effective_limit soft_memory(const place& where) {
  least out{"memory", false};
  auto dirs = where.of(controller::memory);
  if (where.is_v2())
    consider_all(out, dirs, "memory.high");
  else if (!dirs.empty()) // of the groups above it counts for them
    out.consider(number_in(dirs.front() + "/memory.soft_limit_in_bytes"),
                 dirs.front() + "/memory.soft_limit_in_bytes");
  return out.found();
}

// v1 limits the sum: there is more swap for who has less memory.
effective_limit swap(const place& where) {
  least out{"swap"};
  out.consider(memory_of_machine().swap, "machine");
  auto dirs = where.of(controller::memory);
  if (where.is_v2()) {
    consider_all(out, dirs, "memory.swap.max");
    return out.found();
  }
  for (const auto& dir : dirs) {
    auto file = dir + "/memory.memsw.limit_in_bytes";
    auto memory = number_in(dir + "/memory.limit_in_bytes");
    auto left = number_in(file).map([&memory](std::uint64_t sum) {
      auto other = memory.value_or(no_limit);
      return sum == no_limit || other == no_limit ? sum
                                                  : sum - std::min(sum, other);
    });
    out.consider(left, file, false);
  }
  return out.found();
}

effective_limit pids(const place& where) {
  least out{"pids"};
  for (const auto* file :
       {"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"})
    out.consider(number_in(file), "machine");
  consider_all(out, where.of(controller::pids), "pids.max");
  return out.found();
}

/// "RLIMIT_NOFILE" as "rlimit.nofile".
std::string resource_of(std::size_t number) {
  std::string out = rlimit_name(number);
  std::ranges::transform(out, out.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  out[out.find('_')] = '.';
  return out;
}

void add_rlimits(std::vector<effective_limit>& out, const rlimit_array& all) {
  for (auto i = std::size_t{0}; i < all.size(); ++i) {
    auto add = [&](rlim_t value, bool is_hard) {
      out.push_back({resource_of(i), is_hard,
                     value == RLIM_INFINITY ? no_limit : value, rlimit_name(i),
                     true});
    };
    add(all[i].rlim_cur, false);
    add(all[i].rlim_max, true);
  }
}

/// Of /proc/PID/limits, which others may read, too: a line for each, in the
/// order of their numbers, and a heading.
rlimit_array rlimits_in(std::string_view text) {
  constexpr auto width_of_name = std::size_t{26};
  rlimit_array out{};
  take_until('\n', text);
  for (auto& limit : out) {
    auto line = take_until('\n', text);
    auto words = split_words(line.substr(std::min(width_of_name, line.size())));
    auto value = [&words](std::size_t i) {
      return i < words.size() ? parse_number(words[i]).value_or(RLIM_INFINITY)
                              : RLIM_INFINITY;
    };
    limit = {value(0), value(1)};
  }
  return out;
}

// The number that the kernel gives to the first one, PROC_CGROUP_INIT_INO.
bool sees_all_groups() {
  std::array<char, 64> target{};
  auto length =
      ::readlink("/proc/self/ns/cgroup", target.data(), target.size());
  return std::string_view{target.data(), static_cast<std::size_t>(
                                             std::max<ssize_t>(length, 0))}
         == "cgroup:[4026531835]";
}

std::vector<effective_limit> all_of(const place& where,
                                    const rlimit_array& rlimits,
                                    std::optional<pid_t> pid, bool sees_all) {
  std::vector<effective_limit> out{cpu(where, pid), memory(where),
                                   soft_memory(where), swap(where),
                                   pids(where)};
  if (!sees_all || !sees_all_groups())
    for (auto& item : out)
      item.is_exact = false;
  add_rlimits(out, rlimits);
  return out;
}

/// Lines "3:cpu,cpuacct:/PATH" of v1, and "0::/PATH" of cgroup2.
std::map<std::string, std::string, std::less<>>
groups_by_controller(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  while (!text.empty()) {
    auto line = take_until('\n', text);
    auto first = line.find(':');
    auto second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos)
      continue;
    auto names = line.substr(first + 1, second - first - 1);
    auto path = std::string{line.substr(second + 1)};
    if (path == "/")
      path.clear();
    do
      out[std::string{take_until(',', names)}] = path;
    while (!names.empty());
  }
  return out;
}

} // namespace

result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, pid_t pid) {
  auto path = "/proc/" + std::to_string(pid);
  auto text = content(path + "/cgroup");
  auto limits = content(path + "/limits");
  if (!text || !limits) {
    auto& why = text ? limits.error() : text.error();
    if (why.code == ENOENT)
      why.code = ESRCH;
    return tl::make_unexpected(std::move(why));
  }
  auto groups = groups_by_controller(*text);
  auto is_v2 = mounts.mode == cgroup_mode::v2;
  auto dir_of = [&](controller which) -> std::optional<std::string> {
    auto found = groups.find(is_v2 ? std::string_view{} : to_string(which));
    auto mount = mount_of(mounts, which);
    if (found == groups.end() || mount.empty())
      return std::nullopt;
    return mount + found->second;
  };
  // A hierarchy may be mounted nowhere, or from one of its groups on.
  auto sees_all = true;
  for (auto which : {controller::cpu, controller::cpuset, controller::memory,
                     controller::pids}) {
    auto is_listed = is_v2 || groups.find(to_string(which)) != groups.end();
    auto dir = dir_of(which);
    sees_all =
        sees_all && (!is_listed || (dir && ::access(dir->c_str(), F_OK) == 0));
  }
  return all_of(place{mounts, dir_of}, rlimits_in(*limits), pid, sees_all);
}

result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, const container_cgroup& group,
                    const rlimit_array& rlimits) {
  auto dir_of = [&](controller which) -> std::optional<std::string> {
    auto dir = group.limits_dir(which);
    if (!dir)
      return std::nullopt;
    return dir->path();
  };
  return all_of(place{mounts, dir_of}, rlimits, std::nullopt, true);
}

} // namespace reeve::kernel
