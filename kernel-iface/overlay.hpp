// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/broker_namespace.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace reeve::kernel {

enum class durability {
  /// fsync inside works; the last close syncs the upper file system.
  durable,
  /// No sync ever, fsync inside is a lie, and no second mount of the upper
  /// layer: for containers that do not outlive their process.
  throw_away,
};

struct overlay_options {
  /// Absolute host paths of the image's layers, the topmost first. Read only.
  std::vector<std::string> layers;

  /// Absolute host path of the directory with the container's own changes
  /// (`u`) and the kernel's work directory (`w`), which are made at first use.
  /// Empty: a root that nobody can write.
  std::string upper_parent;

  /// The host's id of the container's root, which owns a new upper layer; 0
  /// without a user namespace.
  std::uint32_t first_id = 0;

  durability writes = durability::durable;
};

/// Makes a detached overlay of host directories. With a user namespace
/// (`userns`, borrowed; -1 for none) the layers are idmapped to it: files of
/// the host's root appear as the container root's, and the host's directories
/// are neither chowned nor copied. The upper layer holds the host's ids as they
/// are (an idmapped upper mounts, but refuses every write).
///
/// The root directory of a new upper layer takes its mode from the top layer.
/// /proc, /sys and /dev exist in a root without an upper layer even if the
/// image lacks them.
///
/// Needs Linux 5.19 (idmapped layers below an overlay). Not during a visit.
[[nodiscard]] result<unique_fd> make_overlay(const broker_namespace& home,
                                             int userns,
                                             const overlay_options& options);

} // namespace reeve::kernel
