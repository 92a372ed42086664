// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"

#include <string>

namespace reeve::kernel {

namespace {

constexpr auto* limit_file = "pids.max";

result<void> set_max(const cgroup_dir& dir, std::uint64_t value) {
  return write_text(dir, limit_file,
                    value == no_limit ? "max" : std::to_string(value));
}

result<std::uint64_t> get_max(const cgroup_dir& dir) {
  return read_number(dir, limit_file);
}

} // namespace

/// v1 and v2 agree.
const limit_ops pids_max{controller::pids, set_max, get_max};

} // namespace reeve::kernel
