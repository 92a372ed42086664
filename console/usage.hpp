// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/table.hpp"
#include "supervisor/api.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What containers use just now, for `reeve top`: rates out of two snapshots.
namespace reeve::console {

/// One line of the table. Rates are empty for a container that the earlier
/// snapshot had not.
struct usage {
  std::string container;
  std::optional<double> processors; ///< 1 is one of them, whole
  std::optional<double> throttled;  ///< part of the periods, 0 to 1
  std::uint64_t memory = 0;
  std::uint64_t memory_limit = 0; ///< or kernel::no_limit
  std::uint64_t swap = 0;
  std::uint64_t tasks = 0;
  std::optional<double> read; ///< bytes per second, of all disks
  std::optional<double> written;
};

enum class usage_order : std::uint8_t { cpu, memory, tasks, disk, name };

/// By the word of `--sort`; empty for another.
[[nodiscard]] std::optional<usage_order> order_of(std::string_view word);
[[nodiscard]] std::string_view to_string(usage_order order);

/// The largest first; names from A on, also where the rest is equal.
[[nodiscard]] std::vector<usage>
usages(const std::vector<supervisor::container_stats>& before,
       const std::vector<supervisor::container_stats>& now, usage_order by);

[[nodiscard]] table table_of(const std::vector<usage>& all);

} // namespace reeve::console
