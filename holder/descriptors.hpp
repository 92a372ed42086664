// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <initializer_list>

namespace reeve::holder {

/// Closes every descriptor of this process but `kept`; negative ones are
/// passed over. What is close-on-exec is still open to a path such as
/// /proc/self/fd/N until exec is through: nothing of the host's may be there
/// when a path of a container is walked (CVE-2024-21626). False with `errno`
/// if the kernel refuses.
[[nodiscard]] bool close_all_but(std::initializer_list<int> kept) noexcept;

} // namespace reeve::holder
