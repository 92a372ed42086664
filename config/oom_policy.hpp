// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace reeve::config {

/// What becomes of a container whose processes need more memory than its limit.
enum class oom_action : std::uint8_t {
  kill,              ///< the kernel chooses a process, and kills it
  kill_largest,      ///< the same by Reeve, which tells of it
  kill_group,        ///< all processes of the container
  raise,             ///< the limit grows by `step`, up to `most`
  reclaim_then_kill, ///< what can be written out or dropped goes first
  freeze_and_ask,    ///< nothing runs on until somebody decides
};

struct oom_policy {
  oom_action action = oom_action::kill;
  std::uint64_t step = 0; ///< bytes, of `raise`
  std::uint64_t most = 0; ///< bytes, of `raise`: the limit never grows beyond
  /// Of `freeze_and_ask`: without an answer by then `fallback` applies.
  std::chrono::milliseconds deadline{0};
  oom_action fallback = oom_action::kill_largest; ///< or `kill_group`

  bool operator==(const oom_policy&) const = default;
};

/// From "kill", "kill_largest", "kill_group", "reclaim_then_kill",
/// "raise:STEP:MOST" as "raise:16M:256M", "freeze_and_ask:DEADLINE" as
/// "freeze_and_ask:30s", or "freeze_and_ask:30s:kill_group". Ranges are
/// checked.
[[nodiscard]] result<oom_policy> parse_oom_policy(std::string_view text);

/// The inverse, without what is the default.
[[nodiscard]] std::string format_oom_policy(const oom_policy& policy);

/// Of one that was built in code: ranges, and nothing beside what its action
/// needs.
[[nodiscard]] result<void> check_oom_policy(const oom_policy& policy);

} // namespace reeve::config
