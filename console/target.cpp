// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/target.hpp"

#include "config/units.hpp"
#include "console/spec_options.hpp"

namespace reeve::console {

void target::declare(CLI::App& app, process_is process_word) {
  app.add_option("NAME", container, "name of the container")->required();
  app.add_option("PROC", process, "name of the process")
      ->required(process_word == process_is::required);
}

result<void> target::check() const {
  if (auto done = check_container_name(container); !done)
    return done;
  return process.empty() ? result<void>{} : check_process_name(process);
}

std::string target::text() const {
  auto of = "container '" + container + "'";
  return process.empty() ? of : "process '" + process + "' of " + of;
}

void grace_option::declare(CLI::App& app) {
  app.add_option("--timeout", text, "time to end by itself before SIGKILL")
      ->type_name("DURATION");
}

result<std::int64_t> grace_option::value() const {
  if (!text)
    return -1;
  auto time = config::parse_grace(*text);
  if (!time)
    return refuse("--timeout", to_string(time.error()));
  return time->count();
}

} // namespace reeve::console
