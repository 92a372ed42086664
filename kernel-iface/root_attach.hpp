// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/broker_namespace.hpp"
#include "kernel-iface/overlay.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <string>
#include <vector>

namespace reeve::kernel {

enum class mount_access { read_write, read_only };

/// A host directory or file that the container sees at a place of its own.
struct bind_mount {
  /// Absolute host path.
  std::string source;
  /// Absolute path in the container, made where it is missing. Symlinks of the
  /// image lead no further than the container's root.
  std::string target;
  mount_access access = mount_access::read_write;
};

struct root_options {
  overlay_options overlay;
  mount_access access = mount_access::read_write;
  std::vector<bind_mount> binds;
};

/// Gives a container its root: makes the overlay, moves it into the mount
/// namespace of the holder, the prepared /proc, /sys and /dev onto it, adds
/// the binds, and switches the root of all processes there. `prepare_stage`
/// comes first.
///
/// The image decides nothing here: a /proc, /sys or /dev that is a symlink or a
/// file is an error, and missing ones are made in the overlay, never in a
/// layer of the host.
///
/// What it cannot prevent: container root owns the directories on which /proc,
/// /sys and /dev are mounted. From a mount namespace of its own that has shed
/// these mounts it can rename them, which moves the mounts, or remove them,
/// which detaches the mounts in every namespace. Nothing comes to light, since
/// the masks go along; but no path in the container can be relied upon to
/// stay.
///
/// Answers the overlay. Its last reference syncs the file system of a durable
/// upper layer when it goes, which the caller takes from the dying container
/// by keeping this descriptor and closing it where nobody waits.
///
/// After an error nothing is left in the broker's namespace; the holder is to
/// be killed, which drops what was attached in its own.
[[nodiscard]] result<unique_fd> attach_root(const broker_namespace& home,
                                            int holder_pidfd, int userns,
                                            const root_options& options);

} // namespace reeve::kernel
