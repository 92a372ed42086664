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

/// Always text, as it is documented.
json signal_name(int signo) {
  if (signo == 0)
    return {};
  if (const char* name = sigabbrev_np(signo))
    return "SIG" + std::string{name};
  // C has no names for these; the library keeps the first two of the kernel's.
  if (signo == SIGRTMIN)
    return "SIGRTMIN";
  if (signo > SIGRTMIN && signo <= SIGRTMAX)
    return "SIGRTMIN+" + std::to_string(signo - SIGRTMIN);
  return "SIG" + std::to_string(signo);
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
      {"forward_dropped", info.forward_dropped},
      {"output_blocked", info.output_blocked},
      {"ready", info.ready},
      {"waits_for", info.waits_for},
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
