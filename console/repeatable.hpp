// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <type_traits>

namespace reeve::console {

template <class Type, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<Type, Others> || ...);

/// Whether a request that has no answer yet may be sent a second time: it only
/// asks, it wants what may be so already, or it has a number by which the
/// daemon tells a repeat (messages.md).
template <class Request>
[[nodiscard]] bool is_repeatable(const Request& request) {
  using namespace supervisor;
  if constexpr (is_one_of<Request, create_container, run_process>)
    return request.command != 0;
  else
    return is_one_of<Request, read_output, wait_process, get_events,
                     get_container, get_limits, get_effective_limits,
                     get_daemon, list_containers, list_images, start_container,
                     stop_container, pause_container, resume_container,
                     hold_container, release_container, start_process,
                     stop_process, set_limits, set_limits_of_all, get_stats,
                     get_stats_of_all, resize_terminal>;
}

} // namespace reeve::console
