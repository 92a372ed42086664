// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/restart_policy.hpp"
#include "config/rlimit.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace reeve::config {

enum class stdio_mode : std::uint8_t { null, pipe, tty };

struct terminal_size {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;

  bool operator==(const terminal_size&) const = default;
};

enum class log_mode : std::uint8_t { file, none };

/// What happens to output that cannot be taken in: nobody follows a process
/// without a log, the disk is full, or whoever it is forwarded to is slow.
enum class log_overflow : std::uint8_t {
  drop,  ///< some of it is lost, and counted
  block, ///< the process waits
};

enum class log_forward : std::uint8_t { none, journald, standard_output };

/// Where the output of a process is kept, how much of it, and where else it
/// goes.
struct log_spec {
  log_mode mode = log_mode::file;
  /// Bytes of one file, after which it is rotated.
  std::uint64_t max_size = 10U << 20U;
  /// Files kept, the current one included.
  unsigned max_files = 3;
  /// Absent: `drop` for a log, `block` without one; see `blocks`.
  std::optional<log_overflow> overflow;
  /// Line by line, as it comes.
  log_forward forward = log_forward::none;

  bool operator==(const log_spec&) const = default;
};

[[nodiscard]] constexpr bool blocks(const log_spec& spec) {
  auto usual =
      spec.mode == log_mode::none ? log_overflow::block : log_overflow::drop;
  return spec.overflow.value_or(usual) == log_overflow::block;
}

/// How a process tells that it serves: in exactly one of four ways.
struct readiness {
  /// It writes a line to this descriptor, which it inherits.
  std::optional<unsigned> fd;
  /// Somebody listens to this TCP port in its network namespace.
  std::optional<std::uint16_t> port;
  /// This program, run beside it as the process is, ends with 0.
  std::vector<std::string> command;
  /// It ends with 0: it is a job.
  bool exit = false;
  /// From its start. After that it is ended, which counts as a failed start.
  std::chrono::milliseconds timeout{60'000};
  /// Between two looks at the port, or from one end of the command to its next
  /// start.
  std::chrono::milliseconds interval{100};

  bool operator==(const readiness&) const = default;
};

/// One process to run in a container. Everything but `id` and `argv` has a
/// default that suits a service.
struct process_spec {
  /// Name in the container, unique among its processes.
  std::string id;
  /// Program and arguments; a program without '/' is looked up in PATH inside.
  std::vector<std::string> argv;
  /// `NAME=value` entries; their order is kept.
  std::vector<std::string> env;
  std::string cwd = "/";

  /// "root", "1000", "1000:1000" or "name:group", looked up in the container.
  std::string user = "root";
  /// Supplementary groups, by name or number.
  std::vector<std::string> groups;
  /// By the names of prlimit(1): nofile, nproc, core, ...
  std::map<std::string, rlimit_pair> rlimits;
  /// Absent: the container's. Names with or without "CAP_".
  std::optional<std::vector<std::string>> capabilities;
  bool no_new_privs = true;
  /// -1000..1000, see proc_pid_oom_score_adj(5); absent: inherited.
  std::optional<int> oom_score_adj;
  /// File mode bits taken away, at most 0777; absent: 022.
  std::optional<unsigned> umask;

  stdio_mode stdio = stdio_mode::pipe;
  /// Initial size; only with `stdio_mode::tty`.
  terminal_size tty;
  /// Keeps standard input open while no client is attached.
  bool stdin_open = false;
  log_spec log;

  restart_policy restart;
  /// Processes of the container that it needs: it is started when each of them
  /// is ready, or has ended with 0, and stopped before them.
  std::vector<std::string> after;
  /// How long a start by hand waits for them.
  std::chrono::milliseconds after_timeout{60'000};
  /// Absent: ready as soon as it runs.
  std::optional<readiness> ready;
  /// What the container's restart strategy is about: those of one group.
  std::string group;
  /// Counts for the container's `auto_stop`.
  bool significant = false;
  /// Name or number, see `signal_number`.
  std::string stop_signal = "SIGTERM";
  /// Time between `stop_signal` and SIGKILL; 0: SIGKILL at once,
  /// `longest_duration`: never.
  std::chrono::milliseconds stop_grace{10'000};

  bool operator==(const process_spec&) const = default;
};

} // namespace reeve::config
