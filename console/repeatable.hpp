// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <type_traits>

namespace reeve::console {

/// Whether a request that has no answer yet may be sent a second time: it only
/// asks, it wants what may be so already, or it has a number by which the
/// daemon tells a repeat (messages.md).
template <class Request>
[[nodiscard]] bool is_repeatable(const Request& request) {
  using namespace supervisor;
  if constexpr (std::is_same_v<
                    Request,
                    create_container> || std::is_same_v<Request, run_process>)
    return request.command != 0;
  else
    return std::
               is_same_v<Request,
                         read_output> || std::is_same_v<Request, wait_process> || std::is_same_v<Request, get_events> || std::is_same_v<Request, get_container> || std::is_same_v<Request, get_limits> || std::is_same_v<Request, get_daemon> || std::is_same_v<Request, list_containers> || std::is_same_v<Request, list_images> || std::is_same_v<Request, start_container> || std::is_same_v<Request, stop_container> || std::is_same_v<Request, pause_container> || std::is_same_v<Request, resume_container> || std::is_same_v<Request, start_process> || std::is_same_v<Request, stop_process> || std::is_same_v<Request, set_limits> || std::is_same_v<Request, resize_terminal>;
}

} // namespace reeve::console
