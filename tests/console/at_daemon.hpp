// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/console/console_process.hpp"
#include "tests/support/daemon_process.hpp"

#include <utility>

namespace reeve::tests {

/// The words of a command, behind the options that name the daemon.
inline words at(const daemon_process& daemon, words line) {
  line.insert(line.begin(), {"--root", daemon.root()});
  return line;
}

/// Runs a command that must succeed without a word on standard error; returns
/// what it printed.
std::string told(const daemon_process& daemon, const words& line);

/// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);

/// The cells of a line of a table: two spaces or more are between them.
std::vector<std::string> cells_of(const std::string& line);

/// A command that goes on, and what it prints.
struct following {
  following(const daemon_process& daemon, const words& line)
      : console{at(daemon, line),
                {-1, out.write.get(), err.write.get(), {}, {}}} {
    out.write.reset();
    err.write.reset();
  }

  pipe_ends out;
  pipe_ends err;
  console_process console;
};

/// The next line out of a pipe; fails the test if none comes in time.
std::string next_line(int fd);

} // namespace reeve::tests
