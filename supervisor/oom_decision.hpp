// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/oom_policy.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// What is done about a container that is out of memory; pure functions.
namespace reeve::supervisor {

/// Bytes where nothing else is said.
struct oom_figures {
  std::uint64_t limit = 0;
  std::uint64_t in_use = 0; ///< page cache is among it
  std::uint64_t swap = 0;
  std::uint64_t anon = 0;
  std::uint64_t file = 0;
  std::uint32_t processes = 0;  ///< number of those that may be killed
  std::int32_t largest_pid = 0; ///< of these, as the host sees it; 0: none
  std::uint64_t largest_bytes = 0;
};

/// One thing to do about it.
struct oom_step {
  enum class kind : std::uint8_t {
    kill_largest,
    kill_group,
    raise,
    reclaim,
    ask,
    wait, ///< for an answer, longer
  };

  kind what = kind::kill_largest;
  std::uint64_t limit = 0;              ///< bytes, of `raise`: the new one
  std::chrono::milliseconds patience{}; ///< of `ask` and `wait`

  bool operator==(const oom_step&) const = default;
};

/// What has been tried since it is out of memory, in vain.
struct oom_progress {
  bool reclaimed = false;
  bool raise_refused = false;
  bool asked = false; ///< nobody has answered
};

/// `limit` is the one in force, in bytes. Whatever is tried, in the end
/// processes are killed, so that it ends.
[[nodiscard]] oom_step next_step(const config::oom_policy& policy,
                                 std::uint64_t limit, oom_progress tried);

/// What somebody who was asked has decided: "kill_largest", "kill_group",
/// "raise:256M", which is the new limit and above the one in force, or
/// "wait:30s" for an answer until then.
[[nodiscard]] config::result<oom_step> parse_decision(std::string_view text,
                                                      std::uint64_t limit);

/// For events: "decision=raise:256M".
[[nodiscard]] std::string to_text(const oom_step& step);

/// For events: "limit=64M in_use=64M ...".
[[nodiscard]] std::string to_text(const oom_figures& figures);

} // namespace reeve::supervisor
