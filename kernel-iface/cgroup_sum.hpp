// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>
#include <string_view>

namespace reeve::kernel {

/// Writes a number of which a group's parent has to have the sum over all its
/// children, and has it so: from where the processes are up to the group of the
/// instance. What the groups above that one have is up to who made them; the
/// kernel refuses more with EINVAL, or has it without effect. All or none.
///
/// A nested container has what the one that it is in leaves it, whose own
/// number stays.
///
/// A container that is removed gives its part back at the next change of
/// another one. One change at a time in this process.
[[nodiscard]] result<void> set_summed(const container_cgroup& group,
                                      controller which, std::string_view file,
                                      std::uint64_t value);

} // namespace reeve::kernel
