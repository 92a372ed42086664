// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/memory_file.hpp"

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace reeve::tests {

using words = std::vector<std::string>;

/// The program `reeve`, as it was built, as a child of ours. What has not ended
/// when this does is killed.
class console_process {
public:
  struct streams {
    int in = -1; ///< borrowed; -1: /dev/null
    int out = -1;
    int err = -1;
    /// Path of a terminal to be the controlling one, and all three streams.
    std::string terminal;
    std::vector<int> closed; ///< of its standard streams
  };

  /// `words` begin with the options of `reeve`; a first word with a slash is
  /// another program to start instead.
  console_process(const words& line, const streams& with);
  console_process(const console_process&) = delete;
  console_process& operator=(const console_process&) = delete;
  ~console_process();

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  void signal(int signo) const;

  /// Waits for the end; its status as a shell has it. Fails the test, and kills
  /// it, if it takes longer than a minute.
  int finish();

private:
  pid_t pid_ = -1;
  kernel::unique_fd pidfd_;
};

struct console_outcome {
  int status = -1;
  std::string out;
  std::string err;
};

/// Runs it to its end; `input` is its standard input.
console_outcome run_console(const words& line, const std::string& input = {},
                            std::vector<int> closed = {});

/// The same at a terminal.
class console_at_terminal {
public:
  explicit console_at_terminal(const words& line);

  void type(const std::string& keys);

  /// Waits until the text has been printed, behind what was expected before.
  void expect(const std::string& text);

  void resize(unsigned short rows, unsigned short columns);

  /// Neither echo nor line editing, nor signals by keys.
  [[nodiscard]] bool is_raw() const;
  /// The first two: keys come one by one.
  [[nodiscard]] bool takes_keys() const;

  [[nodiscard]] console_process& process() {
    return *process_;
  }

  [[nodiscard]] const std::string& seen() const {
    return seen_;
  }

private:
  [[nodiscard]] bool has_none_of(tcflag_t local_flags) const;

  bool read_more(std::chrono::milliseconds limit);

  kernel::unique_fd master_;
  kernel::unique_fd slave_; ///< keeps what was printed readable
  std::string seen_;
  std::size_t expected_ = 0;
  std::optional<console_process> process_;
};

struct pipe_ends {
  kernel::unique_fd read;
  kernel::unique_fd write;

  pipe_ends();
};

} // namespace reeve::tests
