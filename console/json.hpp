// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

// The records of `--json`. Their fields are an interface: added, never renamed
// or removed. Names are snake_case, sizes in bytes, durations in milliseconds
// with the suffix `_ms`, times RFC 3339 in UTC; what does not apply is null.
namespace reeve::console {

using json = nlohmann::ordered_json;

[[nodiscard]] json json_of(const supervisor::container_info& info);
[[nodiscard]] json json_of(const supervisor::container_details& details);
[[nodiscard]] json json_of(const supervisor::container_is& answer);
[[nodiscard]] json json_of(const supervisor::container_created& answer);
[[nodiscard]] json json_of(const supervisor::process_info& info);
[[nodiscard]] json json_of(const supervisor::process_started& answer);
[[nodiscard]] json json_of(const supervisor::exit_reason& reason);
[[nodiscard]] json json_of(const supervisor::limit_in_force& limit);
[[nodiscard]] json json_of(const supervisor::limits_change& change);
[[nodiscard]] json json_of(const kernel::effective_limit& limit);
[[nodiscard]] json json_of(const supervisor::container_stats& stats);
[[nodiscard]] json json_of(const supervisor::oom_status& status);
[[nodiscard]] json json_of(const supervisor::memory_reclaimed& answer);
[[nodiscard]] json json_of(const supervisor::event& event);
[[nodiscard]] json json_of(const supervisor::image_info& info);
[[nodiscard]] json json_of(const supervisor::daemon_info& info);

/// Null for 0, which stands for "never" in our messages.
[[nodiscard]] json json_of_time(std::int64_t time_ms);

/// Arrays of the records.
[[nodiscard]] json json_of(const std::vector<supervisor::container_info>& all);
[[nodiscard]] json json_of(const std::vector<supervisor::process_info>& all);
[[nodiscard]] json json_of(const std::vector<supervisor::limit_in_force>& all);
[[nodiscard]] json json_of(const std::vector<kernel::effective_limit>& all);
[[nodiscard]] json json_of(const std::vector<supervisor::image_info>& all);
[[nodiscard]] json json_of(const std::vector<supervisor::limits_change>& all);
[[nodiscard]] json json_of(const std::vector<supervisor::container_stats>& all);

/// One line. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string line_of(const json& value);

} // namespace reeve::console
