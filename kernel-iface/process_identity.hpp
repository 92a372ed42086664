// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

/// Who a process is, for those that find it again: a pid alone is reused
/// within seconds, and means nothing after a reboot. Boot id, pid and start
/// time together name one process for good. Everything here reads `/proc` of
/// the caller's pid namespace and does not block.
namespace reeve::kernel {

/// When the process began, in clock ticks since boot (proc(5), `stat` field
/// 22); empty if there is no such process. The kernel shifts the value by the
/// boot-time offset of the *reader's* time namespace: compare only values that
/// were read in the same one.
[[nodiscard]] result<std::optional<std::uint64_t>> start_time(pid_t pid);

/// UUID of this boot of the kernel.
[[nodiscard]] result<std::string> boot_id();

/// The pid behind a pidfd; empty once the process was reaped, and for a process
/// that the pid namespace of the mounted `/proc` does not see. EINVAL for a
/// descriptor that is no pidfd.
[[nodiscard]] result<std::optional<pid_t>> pid_of(int pidfd);

/// Inode numbers of `/proc/PID/ns/*`: two processes share a namespace exactly
/// while the numbers are equal and somebody keeps it alive. 0 stands for a
/// kind that this kernel does not have.
struct namespace_ids {
  ino_t cgroup = 0;
  ino_t ipc = 0;
  ino_t mnt = 0;
  ino_t net = 0;
  ino_t pid = 0;
  ino_t time = 0;
  ino_t user = 0;
  ino_t uts = 0;

  friend bool operator==(const namespace_ids&, const namespace_ids&) = default;
};

/// Namespaces of a process; empty if it is gone or a zombie (which has left
/// them). Needs ptrace read access to it (EACCES otherwise).
[[nodiscard]] result<std::optional<namespace_ids>> namespaces_of(pid_t pid);

} // namespace reeve::kernel
