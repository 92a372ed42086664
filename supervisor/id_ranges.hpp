// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/daemon_config.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace reeve::supervisor {

/// Host uid and gid of a container's root; 65,536 ids start there.
using id_base = std::uint32_t;

inline constexpr std::uint32_t ids_per_container = 65'536;

/// Gives every container a range of host ids of its own. Instances on one host
/// share the numbers: each claims blocks of ranges in the registry directory
/// with a file `<block>` that names its state directory. A block is free again
/// when that directory is gone, so nothing outlives an instance that was
/// deleted by hand, and nothing is freed while files with its ids may exist.
///
/// Claims are as durable as the files that bear the ids: the registry belongs
/// on a disk, where a restart of the host leaves it, and a claim is synced
/// before the first of its ids is given out. The last instance without a
/// container removes the directory.
///
/// Any thread. Blocks on a file lock and a sync, and only once per block.
class id_ranges {
public:
  static constexpr std::uint32_t ranges_per_block = 64;

  id_ranges(const config::id_config& cfg, std::string owner);

  /// ENOSPC when every range of the host is taken.
  [[nodiscard]] kernel::result<id_base> take();

  /// Marks a range as taken by a container that was found on disk. EBUSY if
  /// another instance owns it: then its ids must not be used.
  [[nodiscard]] kernel::result<void> claim(id_base base);

  /// For a directory whose record cannot be read or which cannot be deleted:
  /// marks the range of its files as taken, if it is one of ours to give, and
  /// says which. Nothing if no file in it has such an owner.
  [[nodiscard]] kernel::result<std::optional<id_base>>
  claim_owner_of(const std::string& directory);

  void give_back(id_base base);

  /// Frees this instance's blocks. Only when no container is left.
  kernel::result<void> release_all();

private:
  [[nodiscard]] kernel::result<void> claim_block();
  [[nodiscard]] kernel::result<bool> try_block(std::uint32_t block);
  [[nodiscard]] kernel::result<void> claim_locked(id_base base);
  [[nodiscard]] kernel::result<kernel::unique_fd> lock_registry() const;
  [[nodiscard]] kernel::result<void> write_claim(int registry,
                                                 const std::string& name) const;

  config::id_config config_;
  std::string owner_;
  std::mutex mutex_;
  std::vector<std::uint32_t> blocks_;
  std::set<id_base> taken_;
  std::set<id_base> free_;
};

} // namespace reeve::supervisor
