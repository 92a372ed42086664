// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <sys/types.h>

#include <cstdint>

namespace reeve::kernel {

/// Whether a TCP socket listens to `port`, over IPv4 or IPv6, at whatever
/// address, in the network namespace of process `pid`: from then on the kernel
/// accepts connections. Reads /proc/PID/net/tcp and tcp6 (proc_pid_net(5)),
/// and does not block. ESRCH or ENOENT if there is no such process.
[[nodiscard]] result<bool> has_listener(pid_t pid, std::uint16_t port);

} // namespace reeve::kernel
