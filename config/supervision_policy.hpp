// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace reeve::config {

/// What one level does when something of the level below has given up.
enum class gave_up_action : std::uint8_t {
  /// It is told, and that is all.
  ignore,
  /// The container stops, which is to give up itself.
  stop_container,
  /// The container is torn down and built again, with all its processes.
  rebuild_container,
};

/// Which processes of a group are started again when one of them is; the names
/// are those of OTP. The others are stopped first, in the reverse order.
enum class restart_strategy : std::uint8_t {
  one_for_one,  ///< that one alone
  one_for_all,  ///< all of them
  rest_for_one, ///< it and those that the spec names behind it
};

/// How a container looks after its processes taken together: what is more than
/// the affair of one of them.
struct supervision_policy {
  restart_strategy strategy = restart_strategy::one_for_one;
  /// What the container does when one of its processes has given up.
  gave_up_action on_process_gave_up = gave_up_action::ignore;

  /// More restarts than this of all its processes together within `window`,
  /// and the container gives up. Absent: each process has its own limit only.
  std::optional<unsigned> max_restarts;
  /// The same for rebuilds.
  unsigned max_rebuilds = 5;
  std::chrono::milliseconds window{60'000};
  /// What the warden does when the container has given up. After too many
  /// restarts `ignore` lets it go on; after too many rebuilds it is down.
  gave_up_action on_gave_up = gave_up_action::stop_container;

  bool operator==(const supervision_policy&) const = default;
};

/// How the warden builds containers again that have given up and whose policy
/// is `rebuild_container`: the limits of each one.
struct revival_policy {
  unsigned max_rebuilds = 3;
  std::chrono::milliseconds window{3'600'000};
  /// The pause before a rebuild grows from min to max, twofold each time.
  std::chrono::milliseconds backoff_min{1'000};
  std::chrono::milliseconds backoff_max{300'000};

  bool operator==(const revival_policy&) const = default;
};

} // namespace reeve::config
