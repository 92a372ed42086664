// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <string>

namespace reeve::kernel {

/// Where the mount broker works: a mount namespace of its own, in which it may
/// attach layers for a moment without the host's mount table ever changing,
/// and from which it visits the namespaces of containers.
///
/// For one single-threaded process only, since setns(2) moves the calling
/// thread and its working directory. That directory is `scratch()` between
/// visits.
///
/// What the host mounts or unmounts later reaches this namespace (its mounts
/// are slaves of the host's), so a new disk can hold layers and an unmounted
/// one is not kept busy from here. Nothing travels the other way.
class broker_namespace {
public:
  /// Turns the calling process into a broker: unshares its mount namespace and
  /// sets its umask to 0, so that modes are what the caller says.
  [[nodiscard]] static result<broker_namespace> enter();

  /// A stay in the namespaces of another process. Its end is the return. A
  /// broker that cannot return aborts: in the wrong namespace it would make
  /// the next container's mounts in this one.
  class visit {
  public:
    visit(visit&& other) noexcept;
    visit& operator=(visit&&) = delete;
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit();

  private:
    friend class broker_namespace;
    visit(const broker_namespace& home, int namespaces) noexcept;

    const broker_namespace* home_;
    int namespaces_;
  };

  /// Enters the given namespaces (a mask of `CLONE_NEWNS`, `CLONE_NEWNET`,
  /// `CLONE_NEWIPC` and `CLONE_NEWCGROUP`) of a process. This object must
  /// outlive the visit.
  [[nodiscard]] result<visit> join(int pidfd, int namespaces) const;

  /// The process is in the cgroup namespace that the broker came from. Not
  /// during a visit.
  [[nodiscard]] result<bool> shares_cgroups(int pidfd) const;

  /// A detached mount that hides the contents of a file or of a directory: an
  /// inert null device, or an empty read-only directory. It looks at the
  /// broker's own file at that absolute path to know which; the error is
  /// `ENOENT` where there is none. Not during a visit.
  [[nodiscard]] result<unique_fd> mask_for(const std::string& path) const;

  /// A small tmpfs that only this process sees. Borrowed. Holds the directory
  /// `layers`, where `overlay.cpp` attaches what it stacks, and `mount-points`
  /// with one directory each for /proc, /sys and /dev, never written again.
  [[nodiscard]] int scratch() const noexcept;

private:
  broker_namespace() = default;

  result<void> fill_scratch();
  void come_home(int namespaces) const noexcept;

  unique_fd mount_ns_;
  unique_fd net_ns_;
  unique_fd ipc_ns_;
  unique_fd cgroup_ns_;
  unique_fd scratch_;
};

} // namespace reeve::kernel
