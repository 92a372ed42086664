// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <optional>
#include <span>
#include <string_view>

// Linux's own names. The numbers are those of every architecture that Reeve
// runs on (x86, arm, riscv; not alpha, mips, parisc or sparc), and are spelled
// out because a spec made here may be read elsewhere.
namespace reeve::config {

/// Number of a capability, from "CHOWN" or "CAP_CHOWN".
[[nodiscard]] std::optional<int> capability_number(std::string_view name);

/// Number of a resource, from prlimit(1)'s name such as "nofile".
[[nodiscard]] std::optional<int> rlimit_number(std::string_view name);

/// Number of a signal, from "SIGTERM", "TERM", "15", "SIGRTMIN+3". Real-time
/// signals count from 34, as with glibc.
[[nodiscard]] std::optional<int> signal_number(std::string_view name);

/// All names in the order of their numbers, without prefix.
[[nodiscard]] std::span<const std::string_view> capability_names();
[[nodiscard]] std::span<const std::string_view> rlimit_names();
[[nodiscard]] std::span<const std::string_view> signal_names();

} // namespace reeve::config
