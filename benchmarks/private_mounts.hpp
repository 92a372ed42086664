// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

namespace reeve::bench {

/// A copy of this process's mount namespace that looks like a pure v1 or a pure
/// v2 host: where v1 controllers are mounted, a cgroup2 mount beside them is
/// gone. Nothing of it shows outside; it lives as long as the descriptor and
/// the processes that entered it.
[[nodiscard]] kernel::result<kernel::unique_fd> make_private_mounts();

} // namespace reeve::bench
