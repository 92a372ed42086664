// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/effective_limits.hpp"

#include "kernel-iface/cgroup_file.hpp"

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "job-iface/visible_limits.h"

namespace reeve::kernel {

namespace {

static_assert(no_limit == REEVE_NO_LIMIT);

// In the order of reeve_controller.
constexpr controller controllers[] = {controller::cpu, controller::cpuset,
                                      controller::memory, controller::pids};

bool copy(std::string_view from, char (&to)[PATH_MAX]) {
  if (from.size() >= sizeof to)
    return false;
  to[from.copy(to, from.size())] = '\0';
  return true;
}

/// Without a path if the machine has no such controller, or does not mount it.
v1_hierarchy hierarchy_of(const cgroup_mounts& mounts, controller which) {
  if (mounts.mode == cgroup_mode::v2)
    return {mounts.unified, {}, mounts.unified_group};
  for (const auto& hierarchy : mounts.v1)
    if (hierarchy.controllers.contains(which))
      return hierarchy;
  return {};
}

void copy(const v1_hierarchy& from, reeve_mount& to) {
  if (!copy(from.mount, to.path) || !copy(from.group, to.group))
    to.path[0] = '\0';
}

struct free_limits {
  void operator()(reeve_limits* what) const {
    ::reeve_limits_free(what);
  }
};

result<std::vector<effective_limit>>
read_limits(const reeve_groups& groups, const rlimit* rlimits, pid_t pid) {
  std::unique_ptr<reeve_limits, free_limits> found{
      ::reeve_read_limits(&groups, rlimits, pid)};
  if (!found)
    return last_error("read the limits of a process");
  std::vector<effective_limit> out;
  out.reserve(found->count);
  for (auto i = std::size_t{0}; i < found->count; ++i) {
    const auto& item = found->all[i];
    out.push_back(
        {item.resource, item.is_hard, item.value, item.source, item.is_exact});
  }
  return out;
}

result<std::unique_ptr<reeve_groups>> groups_of(const cgroup_mounts& mounts,
                                                pid_t pid) {
  auto places = std::make_unique<reeve_mounts>();
  auto out = std::make_unique<reeve_groups>();
  if (mounts.mode != cgroup_mode::v2)
    for (auto i = 0; i < REEVE_CONTROLLERS; ++i)
      copy(hierarchy_of(mounts, controllers[i]), places->v1[i]);
  copy({mounts.unified, {}, mounts.unified_group}, places->v2);
  if (auto code = ::reeve_find_groups(places.get(), pid, out.get()); code != 0)
    return make_error(code, "read the groups of process", std::to_string(pid));
  return out;
}

result<std::vector<effective_limit>> limits_of(const reeve_groups& groups,
                                               pid_t pid) {
  rlimit_array rlimits{};
  if (auto code = ::reeve_find_rlimits(pid, rlimits.data()); code != 0)
    return make_error(code, "read the limits of process", std::to_string(pid));
  return read_limits(groups, rlimits.data(), pid);
}

bool is_at_or_below(std::string_view dir, std::string_view top) {
  return dir.starts_with(top)
         && (dir.size() == top.size() || dir[top.size()] == '/');
}

/// A file of the host as /proc/PID/cgroup would name it in a cgroup namespace
/// with that root: cgroup_namespaces(7).
std::string seen_from(const std::string& top, std::string_view file) {
  auto slash = file.rfind('/');
  auto dir = file.substr(0, slash);
  auto root = std::string_view{top};
  std::string up;
  while (!is_at_or_below(dir, root)) {
    if (!is_at_or_below(root, dir) || root.empty())
      return std::string{file.substr(slash)}; // of another hierarchy
    root = root.substr(0, root.rfind('/'));
    up += "/..";
  }
  return up.append(file.substr(root.size()));
}

} // namespace

result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, pid_t pid) {
  return groups_of(mounts, pid)
      .and_then([&](const std::unique_ptr<reeve_groups>& groups) {
        return limits_of(*groups, pid);
      });
}

result<std::vector<effective_limit>>
effective_limits_of(const cgroup_mounts& mounts, const container_cgroup& group,
                    const rlimit_array& rlimits) {
  auto groups = std::make_unique<reeve_groups>();
  groups->sees_all = true;
  for (auto i = 0; i < REEVE_CONTROLLERS; ++i) {
    auto dir = group.limits_dir(controllers[i]);
    auto from = hierarchy_of(mounts, controllers[i]);
    auto& out = groups->of[i];
    out.is_v2 = mounts.mode == cgroup_mode::v2;
    if (dir && !from.mount.empty())
      groups->sees_all = copy(from.mount, out.top) && copy(dir->path(), out.dir)
                         && from.group.empty() && groups->sees_all;
  }
  return read_limits(*groups, rlimits.data(), 0);
}

result<std::vector<effective_limit>>
effective_limits_for(const cgroup_mounts& mounts, const container_cgroup& group,
                     pid_t pid) {
  auto groups = groups_of(mounts, pid);
  if (!groups)
    return tl::make_unexpected(std::move(groups.error()));
  auto found = limits_of(**groups, pid);
  if (!found)
    return found;
  auto is_there = false;
  for (auto i = 0; i < REEVE_CONTROLLERS; ++i) {
    auto limits = group.limits_dir(controllers[i]);
    auto root = group.shares_dir(controllers[i]);
    const auto& own = (*groups)->of[i];
    if (!limits || !root || own.top[0] == '\0')
      continue; // the machine has no such controller, or it is out of sight
    is_there = is_at_or_below(own.dir, limits->path());
    if (!is_there)
      break;
    for (auto& item : *found)
      if (is_at_or_below(item.source, own.top))
        item.source = seen_from(root->path(), item.source);
  }
  if (!is_there)
    return make_error(ESRCH, "find the container of process",
                      std::to_string(pid));
  // Of a hierarchy that the container is not known to be in.
  for (const auto& own : (*groups)->of)
    for (auto& item : *found)
      if (own.top[0] != '\0' && is_at_or_below(item.source, own.top))
        item.source.erase(0, item.source.rfind('/'));
  return found;
}

} // namespace reeve::kernel
