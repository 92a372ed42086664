// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <string_view>

namespace reeve::supervisor {

/// write(2) that raises no SIGPIPE, whatever the host program does with that
/// signal: a reader that goes away must not end us.
[[nodiscard]] ssize_t write_quietly(int fd, std::string_view bytes);

} // namespace reeve::supervisor
