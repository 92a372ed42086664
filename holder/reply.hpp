// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace reeve::holder {

/// What a helper that serves one order after the other says to the daemon. It
/// waits a second for room or memory. False if that is not enough, or nobody
/// is there: then the helper has to end, so that nobody waits for the answer.
[[nodiscard]] bool reply(int socket, std::uint16_t type, std::uint64_t id,
                         std::string_view body,
                         std::span<const int> borrowed = {}) noexcept;

} // namespace reeve::holder
