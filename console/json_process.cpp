// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/enum_names.hpp"
#include "console/json.hpp"

#include <nlohmann/json.hpp>

#include <csignal>

namespace reeve::console {

namespace {

json number_or_null(std::int64_t number) {
  return number != 0 ? json(number) : json{};
}

json signal_name(int signo) {
  const char* name = signo != 0 ? sigabbrev_np(signo) : nullptr;
  return name != nullptr ? json("SIG" + std::string{name})
                         : number_or_null(signo);
}

} // namespace

json json_of(const supervisor::exit_reason& reason) {
  using supervisor::oom_limit;
  using supervisor::start_step;
  return {
      {"kind", name_of(reason.kind)},
      {"status", shell_status(reason)},
      {"code", reason.signal == 0 ? json(reason.code) : json{}},
      {"signal", signal_name(reason.signal)},
      {"core_dumped", reason.core_dumped},
      {"oom_limit",
       reason.limit != oom_limit::none ? json(name_of(reason.limit)) : json{}},
      {"failed_step",
       reason.step != start_step::none ? json(name_of(reason.step)) : json{}},
      {"errno", number_or_null(reason.error)},
      {"text", to_string(reason)},
  };
}

json json_of(const supervisor::process_info& info) {
  return {
      {"process", info.process},
      {"pid", number_or_null(info.pid)},
      {"ns_pid", number_or_null(info.ns_pid)},
      {"state", name_of(info.phase)},
      {"restart", config::to_text(info.restart)},
      {"restarts", info.restarts},
      {"since", json_of_time(info.since_ms)},
      {"exit", info.has_ended ? json_of(info.last) : json{}},
      {"container", info.container},
      {"restarts_in_window", info.restarts_in_window},
      {"next_restart", json_of_time(info.next_restart_ms)},
      {"argv", info.argv},
      {"tty", info.has_tty},
      {"output_dropped", info.output_dropped},
  };
}

json json_of(const std::vector<supervisor::process_info>& all) {
  auto out = json::array();
  for (const auto& info : all)
    out.push_back(json_of(info));
  return out;
}

json json_of(const supervisor::process_started& answer) {
  return {{"container", answer.container},
          {"process", answer.process},
          {"pid", answer.pid},
          {"ns_pid", answer.ns_pid}};
}

} // namespace reeve::console
