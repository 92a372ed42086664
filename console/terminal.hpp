// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/process_spec.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <termios.h>

#include <csignal>

namespace reeve::console {

/// Size of the terminal at `fd`; the default of a spec if there is none.
[[nodiscard]] config::terminal_size size_of_terminal(int fd);

/// Puts a terminal into raw mode for as long as it lives.
class raw_terminal {
public:
  /// With `signals` Ctrl-C and its like still send theirs.
  enum class keys : bool { all, but_signals };
  [[nodiscard]] static kernel::result<raw_terminal>
  enter(int fd, keys which = keys::all);

  raw_terminal(raw_terminal&& other) noexcept;
  raw_terminal& operator=(raw_terminal&&) = delete;
  ~raw_terminal();

private:
  raw_terminal(int fd, const termios& before) : fd_{fd}, before_{before} {}

  int fd_; ///< borrowed; -1: nothing to restore
  termios before_;
};

/// Takes the signals that a console forwards or must clean up after: SIGINT,
/// SIGTERM, SIGQUIT, SIGHUP and SIGWINCH come out of a descriptor, and SIGPIPE
/// is not sent. The mask is inherited by threads, so make this before the actor
/// system. Destruction puts everything back.
class signal_gate {
public:
  [[nodiscard]] static kernel::result<signal_gate> close_gate();

  signal_gate(signal_gate&& other) noexcept;
  signal_gate& operator=(signal_gate&&) = delete;
  ~signal_gate();

  /// Borrowed.
  [[nodiscard]] int poll_fd() const {
    return fd_.get();
  }

  /// 0 if none is pending.
  [[nodiscard]] int next() const;

private:
  signal_gate() = default;

  kernel::unique_fd fd_;
  sigset_t before_{};
};

} // namespace reeve::console
