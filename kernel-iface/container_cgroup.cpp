// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/container_cgroup.hpp"

#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/cgroup_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

namespace reeve::kernel {

namespace {

/// A fork bomb must not cost the daemon a descriptor for each of its members.
constexpr std::size_t kill_batch = 128;

/// Adds the pids of a group and of all groups below. A group that vanishes
/// under our eyes has no members.
result<void> collect_pids(const cgroup_dir& dir, members which,
                          std::vector<pid_t>& pids) {
  auto text = read_text(dir, "cgroup.procs");
  // v1 answers ENODEV if the group is removed between open and read.
  if (!text && (text.error().code == ENOENT || text.error().code == ENODEV))
    return {};
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  for (auto word : split_words(*text))
    if (auto pid = parse_number(word); pid && *pid != 0)
      pids.push_back(static_cast<pid_t>(*pid)); // 0: outside our pid namespace
  auto below = subgroups(dir);
  if (!below && below.error().code == ENOENT)
    return {};
  if (!below)
    return tl::make_unexpected(std::move(below.error()));
  for (const auto& name : *below)
    if (which != members::own_processes || !name.starts_with(nested_prefix))
      if (auto done = collect_pids(dir.child(name), which, pids); !done)
        return done;
  return {};
}

struct victim {
  pid_t pid;
  unique_fd pidfd;
};

/// Already gone is an answer: those are left out.
result<std::vector<victim>> open_victims(std::span<const pid_t> pids) {
  std::vector<victim> victims;
  for (auto pid : pids) {
    auto fd =
        unique_fd::adopt(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (fd)
      victims.push_back({pid, std::move(fd)});
    else if (errno != ESRCH)
      return last_error("open a pidfd of process", std::to_string(pid));
  }
  return victims;
}

} // namespace

container_cgroup::container_cgroup(std::shared_ptr<const cgroup_tree> tree,
                                   std::string path)
    : tree_(std::move(tree)),
      path_(std::move(path)),
      id_(path_.substr(path_.rfind('/') + 1)) {}

container_cgroup container_cgroup::above() const {
  return {tree_, path_.substr(0, path_.rfind('/'))};
}

cgroup_mode container_cgroup::mode() const noexcept {
  return tree_->mode;
}

/// Below a hierarchy: "a/b" is <a>/sub-<b> on v1, <a>/box/sub-<b> on v2.
std::string container_cgroup::place() const {
  auto first = path_.find('/');
  auto out = path_.substr(0, first);
  if (tree_->mode == cgroup_mode::v2)
    out += "/box";
  while (first != std::string::npos) {
    auto next = path_.find('/', first + 1);
    out += '/';
    out += nested_prefix;
    out += path_.substr(first + 1, next - first - 1);
    first = next;
  }
  return out;
}

/// v2: with the limits.
cgroup_dir container_cgroup::box() const {
  return tree_->unified->group(place());
}

/// v2: of PID 1.
cgroup_dir container_cgroup::hold() const {
  return tree_->unified->group(
      is_nested() ? std::string{holders_group} + "/" + id_ : id_ + "/hold");
}

/// v2: where PID 1 is when it takes its cgroup namespace.
cgroup_dir container_cgroup::birthplace() const {
  return is_nested() ? box() : tree_->unified->group(id_);
}

/// All groups of the container, in the order in which they are removed. Those
/// in which the holder lives as long as the container come first, so that an
/// early attempt stops before it takes anything away.
std::vector<cgroup_dir> container_cgroup::groups() const {
  std::vector<cgroup_dir> all;
  if (tree_->mode == cgroup_mode::v2) {
    if (!is_nested())
      all.push_back(birthplace());
    all.push_back(hold());
    all.push_back(box());
    all.push_back(box().child("run"));
    return all;
  }
  if (tree_->unified)
    all.push_back(tree_->unified->group(place()));
  for (const auto& h : tree_->v1)
    if (!is_holder_home(h))
      all.push_back(h.group(place()));
  for (const auto& h : tree_->v1)
    if (is_holder_home(h))
      all.push_back(h.group(place()));
  return all;
}

result<void> container_cgroup::make_groups() const {
  auto all = groups();
  // It never is without the others, by which it is found after a crash.
  if (tree_->mode == cgroup_mode::v2 && is_nested())
    std::rotate(all.begin(), all.begin() + 1, all.end());
  for (auto at = all.begin(); at != all.end(); ++at) {
    auto made = make_dir(*at);
    if (made && *made == creation::made)
      continue;
    auto error = made ? sys_error{EEXIST, "make cgroup", at->path(),
                                  "adopt the container, or remove its leftover"}
                      : std::move(made.error());
    while (at != all.begin())
      if (auto undone = remove_tree(*--at); !undone)
        error = also(std::move(error), undone.error());
    return tl::make_unexpected(std::move(error));
  }
  return {};
}

result<void> container_cgroup::check_groups() const {
  for (const auto& dir : groups())
    if (auto fd = open_dir(dir); !fd)
      return tl::make_unexpected(
          std::move(fd.error()).with_context("adopting cgroup '" + id_ + "'"));
  return {};
}

result<cgroup_dir> container_cgroup::limits_dir(controller which) const {
  if (tree_->mode == cgroup_mode::v2)
    return box();
  if (const auto* h = tree_->find(which))
    return h->group(place());
  if (which == controller::hugetlb && tree_->unified)
    return tree_->unified->group(place());
  return make_error(ENODEV,
                    "use the cgroup controller " + std::string{to_string(which)}
                        + " for",
                    "'" + id_ + "'", "the machine does not mount it");
}

result<cgroup_dir> container_cgroup::shares_dir(controller which) const {
  if (tree_->mode == cgroup_mode::v2)
    return birthplace();
  return limits_dir(which);
}

result<cgroup_dir> container_cgroup::instance_dir(controller which) const {
  if (tree_->mode == cgroup_mode::v2)
    return tree_->unified->group({});
  if (const auto* h = tree_->find(which))
    return h->group({});
  return limits_dir(which); // which has none either
}

result<void> container_cgroup::can_turn_on(controller which) const {
  if (tree_->find(which) != nullptr || !tree_->unified)
    return {};
  // The group above has processes there, and so can have no such limits below.
  if (is_nested() && tree_->mode == cgroup_mode::hybrid)
    return make_error(ENODEV,
                      "use the cgroup controller "
                          + std::string{to_string(which)} + " for",
                      "'" + id_ + "'",
                      "a container that is in another one has it on cgroup2 "
                      "alone: limit the other one");
  auto top = tree_->unified->group({});
  auto available = read_text(top, "cgroup.controllers");
  if (!available)
    return tl::make_unexpected(std::move(available.error()));
  auto name = std::string{to_string(which)};
  if (std::ranges::count(split_words(*available), name) != 0)
    return {};
  return make_error(ENODEV, "use the cgroup controller " + name + " in",
                    top.path(),
                    "the groups above do not hand it down: write +" + name
                        + " to cgroup.subtree_control of each");
}

result<void> container_cgroup::turn_on(controller which) const {
  if (auto can = can_turn_on(which); !can || tree_->find(which) != nullptr)
    return can;
  if (!tree_->unified)
    return {};
  // Of each group above the one with the limits.
  auto own = place();
  for (auto end = std::size_t{0}; end != std::string::npos;
       end = own.find('/', end + 1))
    if (auto done = write_text(tree_->unified->group(own.substr(0, end)),
                               "cgroup.subtree_control",
                               "+" + std::string{to_string(which)});
        !done)
      return done;
  return {};
}

result<cgroup_dir> container_cgroup::bpf_dir() const {
  if (!tree_->unified)
    return make_error(ENODEV, "use cgroup BPF for", "'" + id_ + "'",
                      "mount a cgroup2, e.g. on /sys/fs/cgroup/unified");
  return tree_->unified->group(place());
}

result<std::vector<unique_fd>>
container_cgroup::tasks_of(std::string_view group, hierarchies which) const {
  std::vector<unique_fd> fds;
  for (const auto& h : tree_->v1) {
    if (which == hierarchies::holder_leaves && !is_holder_home(h))
      continue;
    auto fd = open_file(h.group(group), "tasks", O_WRONLY);
    if (!fd)
      return tl::make_unexpected(std::move(fd.error()));
    fds.push_back(std::move(*fd));
  }
  return fds;
}

result<std::vector<unique_fd>> container_cgroup::join_fds() const {
  return tasks_of(place(), hierarchies::all);
}

result<std::vector<unique_fd>> container_cgroup::child_join_fds() const {
  return tasks_of(place(), hierarchies::holder_leaves);
}

result<std::vector<unique_fd>> container_cgroup::holder_home_fds() const {
  if (tree_->mode != cgroup_mode::v2)
    return tasks_of(holders_group, hierarchies::holder_leaves);
  auto fd = open_file(hold(), "cgroup.procs", O_WRONLY);
  if (!fd)
    return tl::make_unexpected(std::move(fd.error()));
  std::vector<unique_fd> fds;
  fds.push_back(std::move(*fd));
  return fds;
}

result<unique_fd> container_cgroup::holder_clone_fd() const {
  if (!tree_->unified)
    return unique_fd{};
  return open_dir(tree_->mode == cgroup_mode::v2
                      ? birthplace()
                      : tree_->unified->group(place()));
}

result<unique_fd> container_cgroup::run_clone_fd() const {
  if (tree_->mode != cgroup_mode::v2)
    return holder_clone_fd();
  return open_dir(box().child("run"));
}

result<cgroup_dir> container_cgroup::run_dir() const {
  if (tree_->mode == cgroup_mode::v2)
    return box().child("run");
  return make_error(ENOTSUP, "find the user processes alone of",
                    "'" + id_ + "'", "cgroup v1 has no group for them");
}

result<unique_fd> container_cgroup::run_join_fd() const {
  if (tree_->mode != cgroup_mode::v2)
    return unique_fd{};
  return open_file(box().child("run"), "cgroup.procs", O_WRONLY);
}

result<void> container_cgroup::finish_placement() const {
  if (tree_->mode != cgroup_mode::v2)
    return {};
  auto above = is_nested() ? result<void>{} : enable_controllers(birthplace());
  return above.and_then([this] { return enable_controllers(box()); });
}

result<void> container_cgroup::delegate_to(uid_t uid, gid_t gid) const {
  if (tree_->mode != cgroup_mode::v2 || is_nested())
    return {};
  for (const auto& dir : {birthplace(), box(), box().child("run")}) {
    auto fd = open_file(dir, "cgroup.procs", O_RDONLY);
    if (!fd)
      return tl::make_unexpected(std::move(fd.error()));
    if (::fchown(fd->get(), uid, gid) != 0)
      return last_error("delegate", dir.path("cgroup.procs"));
  }
  return {};
}

/// The groups whose members, with those below them, are the ones meant.
result<std::vector<cgroup_dir>>
container_cgroup::members_dirs(members which) const {
  auto user = which != members::everybody;
  if (tree_->mode == cgroup_mode::v2) {
    if (user)
      return std::vector{box()};
    return is_nested() ? std::vector{hold(), box()} : std::vector{birthplace()};
  }
  if (!user && tree_->unified)
    return std::vector{tree_->unified->group(place())};
  for (const auto& h : tree_->v1)
    if (is_holder_home(h) == user)
      return std::vector{h.group(place())};
  return make_error(
      ENODEV, "find the processes of", "'" + id_ + "'",
      user ? "mount one of the controllers pids, freezer, memory"
           : "mount one of the controllers devices, cpuset, blkio");
}

result<std::vector<pid_t>> container_cgroup::pids(members which) const {
  auto dirs = members_dirs(which);
  if (!dirs)
    return tl::make_unexpected(std::move(dirs.error()));
  std::vector<pid_t> found;
  for (const auto& dir : *dirs)
    if (auto done = collect_pids(dir, which, found); !done)
      return tl::make_unexpected(std::move(done.error()));
  return found;
}

result<void> container_cgroup::kill_all(members which, pid_t spare) const {
  // On v2 `box` never holds the holder, so there is nobody to spare; on hybrid
  // the twin holds everybody.
  auto is_v2 = tree_->mode == cgroup_mode::v2;
  auto kernel_can = is_v2 ? spare == 0 || which == members::user_processes
                          : spare == 0 && which == members::everybody
                                && tree_->mode == cgroup_mode::hybrid;
  if (kernel_can) {
    auto done = kill_by_kernel(which);
    // Without cgroup.kill (Linux 5.14) v1's way still works.
    if (is_v2 || (!done && done.error().code != ENOENT))
      return done;
    if (done) {
      auto thawed = tree_->find(controller::freezer) != nullptr
                        ? request_thaw(*this)
                        : result<void>{};
      return !thawed && thawed.error().code == ENOENT ? result<void>{} : thawed;
    }
  }
  if (is_v2 || !tree_->find(controller::freezer))
    return kill_each(which, spare);
  // A frozen v1 task dies when it thaws, not before. Till then its pid is its
  // own, so that once all are frozen one look at the list is enough.
  auto frozen = request_freeze(*this);
  auto state = get_freeze_state(*this);
  auto killed = which == members::user_processes && state
                        && *state == freeze_state::frozen
                    ? kill_frozen(which, spare)
                    : kill_each(which, spare);
  auto thawed = request_thaw(*this);
  for (auto* step : {&frozen, &killed, &thawed})
    if (!*step && step->error().code != ENOENT)
      return std::move(*step);
  return {};
}

result<void> container_cgroup::kill_by_kernel(members which) const {
  auto dirs = members_dirs(which);
  if (!dirs)
    return tl::make_unexpected(std::move(dirs.error()));
  for (const auto& dir : *dirs) {
    auto done = write_text(dir, "cgroup.kill", "1");
    if (!done && done.error().code == ENOENT && !open_dir(dir))
      continue; // no group, nobody to kill
    if (!done)
      return done;
  }
  return {};
}

result<void> container_cgroup::kill_frozen(members which, pid_t spare) const {
  auto listed = pids(which);
  if (!listed)
    return tl::make_unexpected(std::move(listed.error()));
  for (auto pid : *listed)
    if (pid != spare && pid != ::getpid() && ::kill(pid, SIGKILL) != 0
        && errno != ESRCH)
      return last_error("kill process", std::to_string(pid));
  return {};
}

/// A pid that is read from cgroup.procs may belong to a stranger when it is
/// used. So: list, open a pidfd of each, list again; who is in both lists is a
/// member, or its pidfd is one of a member that has died since.
result<void> container_cgroup::kill_each(members which, pid_t spare) const {
  auto listed = pids(which);
  if (!listed)
    return tl::make_unexpected(std::move(listed.error()));
  std::erase(*listed, spare);
  std::erase(*listed, ::getpid()); // never ourselves, whatever was configured
  for (auto rest = std::span<const pid_t>{*listed}; !rest.empty();) {
    auto batch = rest.first(std::min(rest.size(), kill_batch));
    rest = rest.subspan(batch.size());
    auto victims = open_victims(batch);
    if (!victims)
      return tl::make_unexpected(std::move(victims.error()));
    auto still = pids(which);
    if (!still)
      return tl::make_unexpected(std::move(still.error()));
    std::sort(still->begin(), still->end());
    for (const auto& v : *victims)
      if (std::binary_search(still->begin(), still->end(), v.pid)
          && ::syscall(SYS_pidfd_send_signal, v.pidfd.get(), SIGKILL, nullptr,
                       0U)
                 != 0
          && errno != ESRCH)
        return last_error("kill process", std::to_string(v.pid));
  }
  return {};
}

result<removal> container_cgroup::try_remove() const {
  auto all = groups();
  if (tree_->unified)
    for (const auto& dir : all) {
      if (dir.base != tree_->unified->dir.get())
        continue;
      auto events = read_text(dir, "cgroup.events");
      if (events && find_field(*events, "populated") == 1)
        return removal::busy;
      if (!events && events.error().code != ENOENT
          && events.error().code != ENODEV)
        return tl::make_unexpected(std::move(events.error()));
    }
  std::optional<sys_error> failure;
  auto busy = false;
  for (const auto& dir : all) {
    auto done = remove_tree(dir);
    if (!done)
      failure = failure ? also(std::move(*failure), done.error())
                        : std::move(done.error());
    else if (*done == removal::busy)
      busy = true;
    if (busy)
      break; // see groups(): the holder may be alive
  }
  if (failure)
    return tl::make_unexpected(std::move(*failure));
  return busy ? removal::busy : removal::removed;
}

} // namespace reeve::kernel
