// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/daemon_config.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <mutex>
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
/// Any thread. Blocks on a file lock for moments, and only once per block.
class id_ranges {
public:
  static constexpr std::uint32_t ranges_per_block = 64;

  id_ranges(const config::id_config& cfg, std::string owner);

  /// ENOSPC when every range of the host is taken.
  [[nodiscard]] kernel::result<id_base> take();

  /// Marks a range as taken by a container that was found on disk.
  [[nodiscard]] kernel::result<void> claim(id_base base);

  void give_back(id_base base);

  /// Frees this instance's blocks. Only when no container is left.
  void release_all() noexcept;

private:
  [[nodiscard]] kernel::result<void> claim_block();
  [[nodiscard]] kernel::result<bool> try_block(std::uint32_t block);
  [[nodiscard]] std::string path_of(std::uint32_t block) const;

  config::id_config config_;
  std::string owner_;
  std::mutex mutex_;
  std::vector<std::uint32_t> blocks_;
  std::set<id_base> taken_;
  std::set<id_base> free_;
};

} // namespace reeve::supervisor
