// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/daemon_config.hpp"
#include "kernel-iface/result.hpp"

#include <memory>

namespace spdlog {
class logger;
}

namespace reeve::supervisor {

/// A logger of its own, not registered with spdlog: an embedding service keeps
/// its loggers and its default. `journald` writes to standard error with the
/// priority prefixes of sd-daemon(3), which the journal understands.
[[nodiscard]] kernel::result<std::shared_ptr<spdlog::logger>>
make_logger(const config::daemon_log& cfg);

/// Opens the logger's file anew, after somebody has rotated it; on an error the
/// old one stays in use and gets the complaint. Any thread.
void reopen(spdlog::logger& log, const config::daemon_log& cfg);

} // namespace reeve::supervisor
