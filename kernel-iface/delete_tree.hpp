// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <atomic>
#include <string>

namespace reeve::kernel {

/// How deep `delete_tree` goes with a descriptor for each level.
inline constexpr unsigned delete_tree_levels = 16;

/// Deletes `path` and what is below it, whatever a container has made there: a
/// tree of any depth takes `delete_tree_levels` + 1 descriptors at most, since
/// what lies deeper is first moved up to the top. No link is followed and no
/// mount entered (openat2(2), Linux 5.6): a tree with something mounted in it
/// is EXDEV or EBUSY, and what is mounted there is not touched.
///
/// Goes on after a failure and returns the first, with the path of what could
/// not be deleted. Already gone is no error. Blocks for as long as it takes, or
/// until another thread sets `stop`: then ECANCELED, and the rest stays.
[[nodiscard]] result<void> delete_tree(const std::string& path,
                                       const std::atomic<bool>& stop);
[[nodiscard]] result<void> delete_tree(const std::string& path);

} // namespace reeve::kernel
