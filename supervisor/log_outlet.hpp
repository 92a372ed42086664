// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/poller.hpp"
#include "config/daemon_config.hpp"
#include "config/process_spec.hpp"
#include "kernel-iface/journal.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/api.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::supervisor {

/// A line that a process wrote, without its end.
struct log_line {
  std::string_view container;
  std::string_view process;
  output_stream_id stream = output_stream_id::out;
  std::string_view text;
  std::int64_t unix_ms = 0; ///< 0: not known
};

/// Where the output of processes is forwarded to, one for an instance: the
/// journal, an entry a line, and our own standard output, a line a line, with
/// the time, the process and the stream in front, or as JSON like our own log.
///
/// Any thread; blocks for a file on a slow disk only.
class log_outlet : public std::enable_shared_from_this<log_outlet> {
public:
  /// `watch` outlives it.
  log_outlet(const config::daemon_log& how, actors::poller& watch)
      : how_(how),
        poller_(watch),
        journal_(how.journal) {}

  using delivery = kernel::journal::delivery;

  /// What is taken is out. When it is not, the same line is to be put again: a
  /// part of it may be out, and until the rest is, no other is taken.
  [[nodiscard]] kernel::result<delivery> put(config::log_forward where,
                                             const log_line& line);

  /// After `full`: one call, from any thread, when it is worth while to try
  /// again.
  [[nodiscard]] kernel::result<void>
  call_when_writable(config::log_forward where, std::function<void()> call);

private:
  /// Those who wait for one descriptor.
  struct queue {
    actors::poller::token watch = 0; ///< 0: nobody waits
    kernel::unique_fd fd;
    std::vector<std::function<void()>> calls;
  };

  void on_writable(queue& which);
  [[nodiscard]] kernel::result<delivery> put_to_journal(const log_line& line);
  [[nodiscard]] kernel::result<delivery> print(const log_line& line);
  [[nodiscard]] int output_fd();
  [[nodiscard]] kernel::result<void> write_some();

  const config::daemon_log how_;
  actors::poller& poller_;
  std::mutex mutex_;
  kernel::journal journal_;
  queue for_journal_;
  queue for_output_;
  kernel::unique_fd output_; ///< -1: not looked at yet, or not a pipe
  std::string line_;         ///< on its way to standard output
  std::size_t written_ = 0;  ///< of it
};

} // namespace reeve::supervisor
