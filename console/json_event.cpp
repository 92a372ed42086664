// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/json.hpp"
#include "console/time_text.hpp"

#include <nlohmann/json.hpp>

namespace reeve::console {

json json_of_time(std::int64_t time_ms) {
  return time_ms != 0 ? json(rfc3339(time_ms)) : json{};
}

json json_of(const supervisor::event& event) {
  return {
      {"seq", event.seq},
      {"time", json_of_time(event.time_ms)},
      {"event", name_of(event.kind)},
      {"container", event.container.empty() ? json{} : json(event.container)},
      {"process", event.process.empty() ? json{} : json(event.process)},
      {"text", event.text},
  };
}

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

} // namespace reeve::console
