// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/cgroup_freezer.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace reeve::supervisor {

struct dirty_keeper_options {
  std::shared_ptr<const void> keep_alive; ///< for as long as the thread lives
  std::string container;                  ///< for the log
  std::shared_ptr<const kernel::container_cgroup> cgroup;
  std::shared_ptr<kernel::shared_freezer> freezer;
  std::string layer; ///< the directory with its files
  std::shared_ptr<spdlog::logger> log;
};

/// Keeps page cache that is to be written below a limit, which no kernel does
/// for a group: looks again and again, the sooner the nearer it is, and above a
/// quarter of the limit stops all processes, by a freezer that it shares with
/// `reeve pause`, until the files of the container are written. So even who
/// writes as fast as memory takes it stays below.
///
/// What it cannot write, such as files without a name, is told once, and for a
/// second nobody is stopped for it again.
///
/// A thread of its own and no actor: a millisecond is megabytes, so it waits
/// for nobody's turn, and it waits for the disk.
class dirty_keeper {
public:
  /// EAGAIN if no thread is to be had.
  [[nodiscard]] static kernel::result<std::unique_ptr<dirty_keeper>>
  start(dirty_keeper_options how, std::uint64_t bytes);

  dirty_keeper(const dirty_keeper&) = delete;
  dirty_keeper& operator=(const dirty_keeper&) = delete;

  /// Does not wait for the thread: what it has begun it ends, which lets go of
  /// whom it has stopped.
  ~dirty_keeper();

  void limit_to(std::uint64_t bytes);

private:
  struct shared;

  explicit dirty_keeper(std::shared_ptr<shared> with);

  std::shared_ptr<shared> with_;
};

} // namespace reeve::supervisor
