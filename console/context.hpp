// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/failure.hpp"
#include "console/host.hpp"
#include "console/json.hpp"
#include "console/table.hpp"
#include "console/terminal.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace reeve::console {

/// Options that every command takes.
struct settings {
  std::string socket; ///< never empty after parsing
  bool json = false;
  bool quiet = false;
};

/// Ways to the actors, replaced in tests.
struct host_factory {
  std::function<kernel::result<std::unique_ptr<host>>(const std::string&)>
      daemon;
  /// Starts the actors in this process; empty where that is not possible.
  std::function<result<std::unique_ptr<host>>()> embedded;
};

/// What a command works with.
class context {
public:
  context(settings with, host_factory factory, std::ostream& standard_output,
          std::ostream& standard_error)
      : options{std::move(with)},
        out{standard_output},
        err{standard_error},
        factory_{std::move(factory)} {}

  settings options;
  output_style style;
  std::ostream& out;
  std::ostream& err;
  std::int64_t now_ms = 0;

  /// The daemon, connected at the first use.
  [[nodiscard]] result<host*> daemon(const std::string& what);

  /// The daemon if there is one, otherwise actors in this process.
  [[nodiscard]] result<host*> daemon_or_embedded(const std::string& what);

  /// Takes SIGINT and its like from here on, for a command that stays in the
  /// foreground. Before the first use of a daemon: threads inherit the mask.
  [[nodiscard]] result<const signal_gate*>
  take_signals(const std::string& what);

  /// Ends the connection, or the actors in this process and all that they run.
  void leave() {
    host_.reset();
  }

  /// Asks the daemon.
  template <class Reply, class Request>
  [[nodiscard]] result<Reply>
  ask(Request request, const std::string& what,
      std::chrono::milliseconds limit = request_limit) {
    auto at = daemon(what);
    if (!at)
      return tl::make_unexpected(std::move(at.error()));
    return console::ask<Reply>(**at, std::move(request), what, limit);
  }

  /// With `--json` the record as one line, otherwise `text` unless `--quiet`.
  template <class Record>
  void report(const Record& record, const std::string& text) {
    if (options.json)
      out << line_of(json_of(record));
    else if (!options.quiet)
      out << text;
  }

  /// What went wrong without stopping the command.
  void warn(const std::vector<std::string>& problems);

private:
  result<host*> adopt(std::unique_ptr<host> found);

  host_factory factory_;
  std::optional<signal_gate> signals_; // opens again when the host has gone
  std::unique_ptr<host> host_;
};

} // namespace reeve::console
