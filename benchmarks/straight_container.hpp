// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/workshop.hpp"

#include <string>
#include <utility>

namespace reeve::bench {

/// A container made by the shortest sequence of system calls that we know: pid,
/// mount, user, uts, ipc, net and cgroup namespaces (the mount namespace owned
/// by the initial user namespace), a group in every cgroup tree, a private
/// overlay layer over an idmapped lower, `/proc`, `/sys` and `/dev`. No actors,
/// no state on disk, no checks beyond errno: a floor, not a runtime.
///
/// prepare() and complete() in a row are the cold way; a pool keeps prepared
/// ones, so complete() alone is the warm way.
class straight_container {
public:
  /// Everything that needs no specification: groups, namespaces, id maps, and
  /// the mounts that are the same in every container. `shop` must outlive it.
  [[nodiscard]] static kernel::result<straight_container>
  prepare(workshop& shop);

  straight_container(straight_container&& other) noexcept;
  straight_container& operator=(straight_container&&) = delete;
  straight_container(const straight_container&) = delete;
  straight_container& operator=(const straight_container&) = delete;

  /// Kills what still runs and removes groups and layer.
  ~straight_container();

  /// The private layer, the switch of the root, and the word of PID 1 that it
  /// is container root.
  [[nodiscard]] kernel::result<void> complete();

  /// Kills PID 1, waits for its end and removes the groups. The layer's files
  /// stay until destruction.
  [[nodiscard]] kernel::result<void> destroy();

private:
  straight_container(workshop& shop, std::string name, scratch_group group)
      : shop_(&shop),
        name_(std::move(name)),
        group_(std::move(group)) {}

  [[nodiscard]] kernel::result<void> start();
  [[nodiscard]] kernel::result<void> map_ids(int pid) const;
  [[nodiscard]] kernel::result<void> make_dev();
  [[nodiscard]] kernel::result<void> make_sys();
  [[nodiscard]] kernel::result<kernel::unique_fd> make_layer() const;
  [[nodiscard]] kernel::result<void> switch_root(int layer) const;

  workshop* shop_;
  std::string name_;
  scratch_group group_;
  kernel::unique_fd pidfd_;
  kernel::unique_fd socket_;
  kernel::unique_fd proc_;
  kernel::unique_fd sys_;
  kernel::unique_fd dev_;
};

} // namespace reeve::bench
