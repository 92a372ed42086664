// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <csignal>

namespace reeve::supervisor {

/// Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and all that it
/// starts later, so that `wait_for_signal` gets them. For programs of our own
/// only; the library never touches signals.
void block_daemon_signals();

/// Waits for one of them and returns its number. Blocks.
[[nodiscard]] int wait_for_signal();

/// Tells the service manager, if there is one ($NOTIFY_SOCKET, sd_notify(3)).
void notify_service_manager(const char* state);

} // namespace reeve::supervisor
