// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/supervision_policy.hpp"
#include "supervisor/exit_reason.hpp"
#include "supervisor/process_lifecycle.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Which processes of a container are started, and stopped, with regard to each
/// other: by what one needs, and by the restart strategy of its group. Pure
/// functions; a process alone is the affair of process_lifecycle.hpp.
///
/// Every list here is in the order of start: nobody stands before those that it
/// needs.
namespace reeve::supervisor {

/// A process as the others see it.
struct peer {
  std::string_view id;
  std::span<const std::string> after;
  /// Its strategy is about those of one group that may be restarted at all.
  std::optional<std::string_view> group;
  process_phase phase = process_phase::created;
  bool ready = false;
  std::optional<exit_reason> last; ///< once it has ended
  bool is_expected = false;        ///< it was told to start, and has not yet
  bool stands_by = false;          ///< it was told to, and has not yet
};

enum class turn : std::uint8_t {
  wait,
  start,
  refuse, ///< one that it needs does not run, and will not by itself
};

struct turn_verdict {
  turn what = turn::wait;
  /// For whom it waits; of a refusal, who does not run.
  std::vector<std::string> whom;
};

/// Whether the peer at `at`, which waits, may be started now. Nobody is while
/// one of his group still goes down that is to be started with him, or before
/// one of them that stands before him.
[[nodiscard]] turn_verdict turn_of(std::span<const peer> all, std::size_t at,
                                   config::restart_strategy strategy);

/// Who is to go down when the peer at `at` does, in whatever phase it is, the
/// last one first: to be started again after it, or because it will not.
[[nodiscard]] std::vector<std::size_t>
fall_with(std::span<const peer> all, std::size_t at,
          config::restart_strategy strategy);

/// Whether the peer at `at` may be stopped: nobody who needs it lives.
[[nodiscard]] bool may_stop(std::span<const peer> all, std::size_t at);

} // namespace reeve::supervisor
