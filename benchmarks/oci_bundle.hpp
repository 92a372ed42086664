// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace reeve::bench {

/// Writes an OCI bundle (config.json, specification 1.0) to `directory`: the
/// usual namespaces without a user namespace, `/proc`, `/dev`, `/sys`, no
/// terminal; `id` is host name and cgroup.
[[nodiscard]] kernel::result<void>
write_oci_bundle(const std::filesystem::path& directory,
                 const std::filesystem::path& root, const std::string& id,
                 const std::vector<std::string>& command);

} // namespace reeve::bench
