// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>

/// What PID 1 and its children give up. A capability is its number's bit.
/// Every function returns false with `errno` set if the kernel refuses.
namespace reeve::holder {

/// The bounding set: one call per capability, so ask once and pass it on.
[[nodiscard]] std::uint64_t bounding_set() noexcept;

/// Takes what is in `held` but not in `kept` out of the bounding set.
[[nodiscard]] bool drop_from_bounding_set(std::uint64_t held,
                                          std::uint64_t kept) noexcept;

/// Permitted and effective become what they have in common with `kept`;
/// inheritable, and with it ambient, becomes empty.
[[nodiscard]] bool keep_capabilities(std::uint64_t kept) noexcept;

/// Adds a filter, given as an array of sock_filter, for this process and the
/// children that it will have.
[[nodiscard]] bool install_filter(std::string& code) noexcept;

} // namespace reeve::holder
