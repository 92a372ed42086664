// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/host.hpp"
#include "console/terminal.hpp"
#include "supervisor/api.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace reeve::console {

/// A process in the foreground.
struct followed {
  std::string container;
  std::string process;
  bool terminal = false;    ///< it has one, and so have we
  bool input = false;       ///< forward our standard input
  bool output = true;       ///< print its output
  bool hold = true;         ///< its output waits for us
  bool forward = true;      ///< signals to us are for the process
  bool may_restart = false; ///< its end need not be the last
  /// Not all from the offsets on is ours: what is gone already is no loss.
  bool late = false;
  bool weak = false;  ///< its container goes when we do not hold it
  bool times = false; ///< when it came stands in front of each line
  std::uint64_t out_offset = 0;
  std::uint64_t err_offset = 0;
  /// While our own output waits for its reader, the daemon hears of us so
  /// often; it takes us for gone after 30 seconds.
  std::chrono::milliseconds renewal = poll_wait;
};

/// How it came out of the foreground.
struct farewell {
  enum class kind : std::uint8_t {
    ended,    ///< for good, with `reason`
    detached, ///< by the two keys, or by a signal to us; it goes on
    unread,   ///< nobody reads our standard output; it goes on
  };
  kind how = kind::ended;
  supervisor::exit_reason reason;
  int signal = 0;           ///< with `detached`: what made us leave
  bool lost_output = false; ///< some of it never reached us; that was told
};

/// Forwards output, input, signals and terminal sizes until the process has
/// ended and all its output is written. One thread in poll(2): nothing here
/// blocks, so a signal gets through however slowly our output is read. The
/// process waits for a slow reader of ours, for ever if need be; output that is
/// lost all the same is told on standard error, where it was lost.
[[nodiscard]] result<farewell> follow(host& at, const followed& what,
                                      const signal_gate& signals);

} // namespace reeve::console
