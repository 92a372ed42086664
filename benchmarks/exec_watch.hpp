// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>

namespace reeve::bench {

/// When processes of this host execute programs, as the kernel says it: the
/// process events connector (Linux 2.6.15, CONFIG_PROC_EVENTS; linux/cn_proc.h,
/// Documentation/driver-api/connector.rst). Needs CAP_NET_ADMIN and the host's
/// network, pid and user namespaces.
class exec_watch {
public:
  using moment = std::chrono::steady_clock::time_point;

  /// From now on.
  [[nodiscard]] static kernel::result<exec_watch> open();

  exec_watch(exec_watch&&) = default;
  exec_watch& operator=(exec_watch&&) = default;
  ~exec_watch();

  /// Forgets what has been.
  void clear();

  /// Blocks until any process has executed a program since `clear`. ETIMEDOUT
  /// after ten seconds without an event of any kind.
  [[nodiscard]] kernel::result<void> await_any();

  /// When this one did so last. Does not block.
  [[nodiscard]] std::optional<moment> last_exec_of(pid_t pid);

private:
  explicit exec_watch(kernel::unique_fd socket);

  [[nodiscard]] kernel::result<void> subscribe(bool on);
  [[nodiscard]] kernel::result<bool> receive(int flags);

  kernel::unique_fd socket_;
  std::map<pid_t, moment> execs_;
};

} // namespace reeve::bench
