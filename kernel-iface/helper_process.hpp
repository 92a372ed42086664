// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <string>

namespace reeve::kernel {

enum class helper_role : unsigned char {
  zygote,
  broker,
};

struct helper_process {
  unique_fd socket; ///< our end, see packet.hpp; the helper ends when it closes
  unique_fd pidfd;  ///< to kill one that hangs
};

/// Starts `reeve-holder` in the given role. The helper forks away into a
/// session of its own, so there is nothing to wait for later; this call waits
/// for its short-lived first process and its introduction, up to five seconds.
[[nodiscard]] result<helper_process> start_helper(const std::string& program,
                                                  helper_role role);

/// Finds `reeve-holder`: `configured` if set, else beside the running
/// executable, in `../libexec/reeve` from it, or in the installation's libexec
/// directory. ENOENT with the places that were looked at.
[[nodiscard]] result<std::string> find_helper(const std::string& configured);

} // namespace reeve::kernel
