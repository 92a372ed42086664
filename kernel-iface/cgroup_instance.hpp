// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_mounts.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <memory>
#include <string>
#include <vector>

namespace reeve::kernel {

struct cgroup_tree;

/// The groups of one daemon: `<mount>/<parent>/reeve-<instance id>` in every
/// hierarchy, and the groups of its containers below. Several instances share
/// a machine without meeting.
///
/// Holds one descriptor per hierarchy, also for its containers. Destruction
/// closes them and leaves the groups. No call waits for anybody; any thread.
class cgroup_instance {
public:
  /// Makes the directories or opens those that exist. `parent` is relative to
  /// the mounts, such as "reeve.slice", and may be empty; directories made for
  /// it stay when the instance is removed, since others may use them by then.
  [[nodiscard]] static result<cgroup_instance>
  open(const cgroup_mounts& mounts, const std::string& parent,
       const std::string& instance_id);

  /// Makes the groups of a container. One that exists in any hierarchy is an
  /// error, and then nothing is made. Its path is its id: letters, digits, `-`
  /// and `_`; that of a nested one, of which there are 16 in each other at
  /// most, is behind that of the one that it is in and a slash.
  [[nodiscard]] result<container_cgroup> create(const std::string& path) const;

  /// The groups of a container that must all exist, e.g. after a restart.
  [[nodiscard]] result<container_cgroup> adopt(const std::string& path) const;

  /// Whatever may be left of a container, to kill and remove it.
  [[nodiscard]] result<container_cgroup>
  leftover(const std::string& path) const;

  /// Paths of the containers that have a group in any hierarchy, sorted, so
  /// that who is in another one comes behind it.
  [[nodiscard]] result<std::vector<std::string>> list() const;

  /// One attempt; `busy` while there are containers, whose groups are left.
  [[nodiscard]] result<removal> remove() const;

  [[nodiscard]] cgroup_mode mode() const noexcept;

private:
  explicit cgroup_instance(std::shared_ptr<const cgroup_tree> tree) noexcept;

  std::shared_ptr<const cgroup_tree> tree_;
};

} // namespace reeve::kernel
