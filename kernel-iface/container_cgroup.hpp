// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::kernel {

struct cgroup_tree;

/// `user_processes` leaves out PID 1 of the container, the holder, once it is
/// where it belongs; `own_processes` leaves out those of nested containers,
/// too; `everybody` is for the sweep after a crash.
enum class members { own_processes, user_processes, everybody };

/// What the names of the groups of nested containers begin with, by which they
/// are told from groups that a container makes for itself.
inline constexpr std::string_view nested_prefix = "sub-";

/// As many containers may be in each other.
inline constexpr std::size_t most_nested = 16;

/// The groups of one container in all hierarchies: a name and a shared tree,
/// no descriptor of its own. Dropping it leaves the groups, so that an actor
/// may fail and the next one adopt them. No call waits; any thread.
///
///     v1, hybrid                          v2
///     <id>      limits, user processes    <id>          made by us, no limits
///     holders   holder, for cpu, memory,  <id>/hold     holder
///               pids and freezer          <id>/box      limits
///     <id>      twin in cgroup2 (hybrid)  <id>/box/run  user processes
///
/// A nested container's are in those of the one that it is in, so that all that
/// counts for that one counts for it, too. Its `hold` is not, or it would be
/// frozen with it; nor may its processes be born where PID 1 is then, so they
/// move (`run_join_fd`).
///
///     v1, hybrid                          v2
///     <id>/sub-<nested>                   <id>/box/sub-<nested>      limits
///     holders   holder                    <id>/box/sub-<nested>/run
///                                         holders/<nested>           holder
///
/// PID 1 must answer when the container is frozen, out of cpu, of memory or of
/// pids, so it lives outside the limits; yet it must have been in `<id>` when
/// it unshares its cgroup namespace, which takes its root from there. v1:
/// write "0" to each of `join_fds`, unshare, write "0" to `holder_home_fds`.
/// v2: clone into `holder_clone_fd`, unshare, write "0" to `holder_home_fds`;
/// then `finish_placement`, and only now do the limits exist, since a group of
/// cgroup2 that has processes cannot have controllers below.
///
/// Limits, statistics, freezer and devices: set_limit, read_stats,
/// request_freeze, set_devices in the headers of those names.
class container_cgroup {
public:
  [[nodiscard]] const std::string& id() const noexcept {
    return id_;
  }

  /// What cgroup_instance finds it by again: its id, behind those of the
  /// containers that it is in.
  [[nodiscard]] const std::string& path() const noexcept {
    return path_;
  }

  [[nodiscard]] bool is_nested() const noexcept {
    return path_ != id_;
  }

  /// Of a nested one: the groups of the container that it is in.
  [[nodiscard]] container_cgroup above() const;

  /// `tasks` of `<id>` in each v1 hierarchy, to which a single-threaded child
  /// writes "0" to become a member: tens of microseconds, where a pid written
  /// to cgroup.procs waits 10 ms for RCU. Opened here because the kernel looks
  /// at the credentials of who opened them. Empty on v2.
  [[nodiscard]] result<std::vector<unique_fd>> join_fds() const;

  /// The same for a child of the holder, which is born where the holder is:
  /// only the hierarchies that the holder has left.
  [[nodiscard]] result<std::vector<unique_fd>> child_join_fds() const;

  /// Where the holder writes "0" once it has its cgroup namespace: `holders`
  /// for cpu, memory, pids and freezer on v1, cgroup.procs of `hold` on v2.
  [[nodiscard]] result<std::vector<unique_fd>> holder_home_fds() const;

  /// For CLONE_INTO_CGROUP; empty on v1. Children of the holder inherit the
  /// twin on hybrid; on v2 each is cloned into `run_clone_fd`.
  [[nodiscard]] result<unique_fd> holder_clone_fd() const;
  [[nodiscard]] result<unique_fd> run_clone_fd() const;

  /// v2: cgroup.procs of `run`, to which a child writes "0" that could not be
  /// cloned there. Opened here because the kernel looks at the credentials and
  /// at the cgroup namespace of who opened it. Empty elsewhere.
  [[nodiscard]] result<unique_fd> run_join_fd() const;

  /// v2: turns the controllers on once the holder has left `<id>`. Nothing to
  /// do elsewhere.
  [[nodiscard]] result<void> finish_placement() const;

  /// v2: lets container root clone processes into `run`. Gives it cgroup.procs
  /// of `<id>` (the common ancestor that the kernel asks about), `box` and
  /// `run`, but not of `hold`: a process moved there would escape the limits.
  /// Nothing of a nested one, whose PID 1 is elsewhere.
  [[nodiscard]] result<void> delegate_to(uid_t uid, gid_t gid) const;

  /// Pids as this process sees them.
  [[nodiscard]] result<std::vector<pid_t>> pids(members which) const;

  /// One pass of SIGKILL over the members; repeat until `pids` is empty. On v2
  /// the kernel misses nobody, nor on hybrid if `everybody` is meant and none
  /// spared. On v1 the group is frozen meanwhile, so that a
  /// fork bomb loses ground with each pass, and thawed in the end. `spare` is
  /// a holder that may not have left `<id>` yet.
  [[nodiscard]] result<void> kill_all(members which, pid_t spare = 0) const;

  /// One attempt; `busy` while a process is left. A container whose holder
  /// still lives loses nothing by the attempt.
  [[nodiscard]] result<removal> try_remove() const;

  /// Where the files of a controller are that limit the user processes.
  [[nodiscard]] result<cgroup_dir> limits_dir(controller which) const;

  /// Where the files of a controller are by which containers share something
  /// among each other, its weights. On v2 that is not the group with the
  /// limits, beside which there is only that of the holder.
  [[nodiscard]] result<cgroup_dir> shares_dir(controller which) const;

  /// The group above all containers of this instance.
  [[nodiscard]] result<cgroup_dir> instance_dir(controller which) const;

  /// For a controller of cgroup2 that is off until somebody uses it: hands it
  /// down from the instance's group to where `limits_dir` is. ENODEV if that
  /// has not got it from the groups above. Nothing to do where v1 has it.
  [[nodiscard]] result<void> turn_on(controller which) const;
  [[nodiscard]] result<void> can_turn_on(controller which) const;

  /// v2: where the user processes are, below the limits. An error elsewhere.
  [[nodiscard]] result<cgroup_dir> run_dir() const;

  /// The group for cgroup BPF: `box`, or the twin. An error on v1.
  [[nodiscard]] result<cgroup_dir> bpf_dir() const;

  [[nodiscard]] cgroup_mode mode() const noexcept;

private:
  friend class cgroup_instance;

  container_cgroup(std::shared_ptr<const cgroup_tree> tree, std::string path);

  enum class hierarchies { all, holder_leaves };

  [[nodiscard]] std::string place() const;
  [[nodiscard]] cgroup_dir box() const;
  [[nodiscard]] cgroup_dir hold() const;
  [[nodiscard]] cgroup_dir birthplace() const;
  [[nodiscard]] std::vector<cgroup_dir> groups() const;
  [[nodiscard]] result<std::vector<unique_fd>>
  tasks_of(std::string_view group, hierarchies which) const;
  [[nodiscard]] result<void> make_groups() const;
  [[nodiscard]] result<void> check_groups() const;
  [[nodiscard]] result<std::vector<cgroup_dir>>
  members_dirs(members which) const;
  [[nodiscard]] result<void> kill_by_kernel(members which) const;
  [[nodiscard]] result<void> kill_frozen(members which, pid_t spare) const;
  [[nodiscard]] result<void> kill_each(members which, pid_t spare) const;

  std::shared_ptr<const cgroup_tree> tree_;
  std::string path_;
  std::string id_;
};

} // namespace reeve::kernel
