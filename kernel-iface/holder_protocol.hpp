// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What the daemon and a container's PID 1 (`reeve-holder`) say to each other,
/// in the encoding of wire.hpp, one message per packet.
///
/// Orders go down, reports come up. An order that names a process the holder
/// already knows is answered with that process's state and carried out only
/// once, so a daemon that crashed between sending and hearing may repeat it.
/// The holder forgets a process when its end was acknowledged and its
/// descriptors were released; a failed start is such an end.
namespace reeve::kernel::holder {

enum class message : std::uint16_t {
  // orders
  configure = 1,
  spawn,
  signal,
  resize,
  release,
  acknowledge,
  quit,
  seal,
  annotate,
  describe,
  // reports
  hello = 64,
  process_state,
  hello_done,
  configured,
  spawned,
  spawn_failed,
  exited,
  refused,
  done,
  ready,
  described,
};

/// A holder keeps an O_PATH descriptor of its listening socket at this number:
/// a later daemon connects through `/proc/PID/fd/<number>`, since the path in
/// the container is at the mercy of container root, who may move the mount
/// points around in a mount namespace of his own.
inline constexpr int listener_path_fd = 9;

/// And at this one the container's limits socket, at which the daemon answers
/// its processes (job-iface/): it outlives a daemon, who gets it from here by
/// pidfd_getfd(2). The holder itself does nothing with it.
inline constexpr int limits_socket_fd = 10;

/// A holder keeps no more processes than this, ended ones included.
inline constexpr std::uint32_t max_processes = 8192;

/// What becomes of the container when the control connection breaks.
enum class owner_loss : std::uint8_t {
  stop = 0, ///< SIGTERM to all, after the grace SIGKILL, then end
  keep = 1, ///< go on, wait for another daemon
};

/// Sent once, before any root file system: the holder drops to
/// `keep_capabilities` and installs the seccomp filter that every process then
/// inherits. Apart from `configure_order`, because compiling the filter costs
/// the kernel half a millisecond, which a warm pool pays in advance.
struct seal_order {
  static constexpr auto type = message::seal;
  std::string seccomp;                 ///< sock_filter array; empty: none
  std::string clone3_guard;            ///< added in children; empty: none
  std::uint64_t keep_capabilities = 0; ///< bit n: capability n

  static void fields(auto& ar, auto& self) {
    ar(self.seccomp, self.clone3_guard, self.keep_capabilities);
  }
};

/// Sent once, when the root file system is in place and before anything runs:
/// the holder re-opens its stdio in the container and sets the host name.
struct configure_order {
  static constexpr auto type = message::configure;
  std::string hostname; ///< empty: leave
  owner_loss on_owner_loss = owner_loss::stop;
  std::uint32_t owner_loss_grace_ms = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.hostname, self.on_owner_loss, self.owner_loss_grace_ms);
  }
};

enum class stdio_mode : std::uint8_t {
  null,   ///< /dev/null three times
  pipes,  ///< three pipes made by the holder; the daemon gets their ends
  tty,    ///< a pseudo-terminal of the container; the daemon gets the master
  passed, ///< the last three descriptors of the order
};

struct rlimit_entry {
  std::uint32_t resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.resource, self.soft, self.hard);
  }
};

inline constexpr std::uint32_t no_umask = 0xffffffff;
inline constexpr std::int32_t no_oom_score_adj = 0x7fffffff;

/// Below the daemon's own deadline for a start, so that the holder's word of
/// what went wrong comes first.
inline constexpr std::uint32_t usual_start_timeout_ms = 8000;

/// Descriptors: `join_count` cgroup `tasks` files for the child to write "0"
/// to, then one cgroup directory for CLONE_INTO_CGROUP if `has_cgroup_dir`,
/// then three for `stdio_mode::passed`. With a directory the files are for a
/// child that could not be born there.
struct spawn_order {
  static constexpr auto type = message::spawn;
  std::uint64_t process = 0; ///< unique for ever within the container
  std::string spec;          ///< the daemon's own, given back at adoption
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd;
  std::string user; ///< `name|uid[:group|gid]`, resolved in the container
  std::vector<std::string> groups;
  std::vector<rlimit_entry> rlimits;
  std::uint64_t capabilities = 0;
  bool no_new_privs = true;
  std::uint32_t umask = no_umask;
  std::int32_t oom_score_adj = no_oom_score_adj;
  /// At this number the process inherits a pipe, to write a line to when it is
  /// ready. 0: none.
  std::uint32_t ready_fd = 0;
  stdio_mode stdio = stdio_mode::null;
  bool has_stdin = false; ///< pipes: without it stdin is /dev/null
  std::uint16_t rows = 0;
  std::uint16_t cols = 0;
  std::uint8_t join_count = 0;
  bool has_cgroup_dir = false;
  /// What has not executed its program by then is killed: ETIMEDOUT.
  std::uint32_t start_timeout_ms = usual_start_timeout_ms;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.spec, self.argv, self.env, self.cwd, self.user,
       self.groups, self.rlimits, self.capabilities, self.no_new_privs,
       self.umask, self.oom_score_adj, self.ready_fd, self.stdio,
       self.has_stdin, self.rows, self.cols, self.join_count,
       self.has_cgroup_dir, self.start_timeout_ms);
  }
};

struct signal_order {
  static constexpr auto type = message::signal;
  std::uint64_t process = 0;
  std::int32_t signo = 0;
  bool whole_group = false;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.signo, self.whole_group);
  }
};

struct resize_order {
  static constexpr auto type = message::resize;
  std::uint64_t process = 0;
  std::uint16_t rows = 0;
  std::uint16_t cols = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.rows, self.cols);
  }
};

/// Bits of `release_order::streams`.
inline constexpr std::uint8_t release_stdin = 1;
inline constexpr std::uint8_t release_stdout = 2;
inline constexpr std::uint8_t release_stderr = 4;

/// The holder closes its copies of the daemon's ends: only then does a reader
/// of stdin see its end. Not answered.
struct release_order {
  static constexpr auto type = message::release;
  std::uint64_t process = 0;
  std::uint8_t streams = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.streams);
  }
};

/// The end of `process`, or that it could not be started, is known to the
/// daemon: the holder may forget it. Not answered.
struct acknowledge_order {
  static constexpr auto type = message::acknowledge;
  std::uint64_t process = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process);
  }
};

/// Replaces `spawn_order::spec` of a process that is known. Not answered.
struct annotate_order {
  static constexpr auto type = message::annotate;
  std::uint64_t process = 0;
  std::string spec;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.spec);
  }
};

/// One known process is told of as in a greeting, with its descriptors: to a
/// daemon that some did not reach. ESRCH for one that is not known.
struct describe_order {
  static constexpr auto type = message::describe;
  std::uint64_t process = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process);
  }
};

/// PID 1 exits; the kernel kills what is left in its pid namespace.
struct quit_order {
  static constexpr auto type = message::quit;

  static void fields(auto&, auto&) {}
};

/// First report on every connection; one `process_state` per known process and
/// a `hello_done` follow.
struct hello_report {
  static constexpr auto type = message::hello;
  std::uint32_t processes = 0;
  bool configured = false;

  static void fields(auto& ar, auto& self) {
    ar(self.processes, self.configured);
  }
};

struct hello_done_report {
  static constexpr auto type = message::hello_done;

  static void fields(auto&, auto&) {}
};

struct configured_report {
  static constexpr auto type = message::configured;

  static void fields(auto&, auto&) {}
};

/// How a process ended, as wait4(2) told.
struct end_of_process {
  std::int32_t wait_status = 0;
  std::int64_t ended_at_ns = 0; ///< CLOCK_REALTIME
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss_kib = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.wait_status, self.ended_at_ns, self.user_us, self.system_us,
       self.max_rss_kib);
  }
};

/// Bits that say which descriptors follow a report, in this order.
inline constexpr std::uint8_t carries_pidfd = 1;
inline constexpr std::uint8_t carries_stdin = 2;
inline constexpr std::uint8_t carries_stdout = 4;
inline constexpr std::uint8_t carries_stderr = 8;
inline constexpr std::uint8_t carries_master = 16;

/// Alone: there are descriptors, but the kernel let none be sent. The holder
/// keeps them for a `describe_order`.
inline constexpr std::uint8_t descriptors_withheld = 128;

/// The program runs: its exec has succeeded.
struct spawned_report {
  static constexpr auto type = message::spawned;
  std::uint64_t process = 0;
  std::int32_t ns_pid = 0;
  std::uint8_t carries = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.ns_pid, self.carries);
  }
};

/// Where between fork and exec a child failed.
enum class spawn_step : std::uint16_t {
  fork = 1,
  join_cgroup,
  session,
  terminal,
  stdio,
  resolve_user,
  set_rlimit,
  set_groups,
  set_user,
  set_capabilities,
  set_seccomp,
  change_directory,
  execute,
  set_oom_score,
};

/// Acknowledged as an end is; till then a repeated order gets it again.
struct spawn_failed_report {
  static constexpr auto type = message::spawn_failed;
  std::uint64_t process = 0;
  spawn_step step = spawn_step::fork;
  std::int32_t code = 0; ///< errno
  std::string subject;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.step, self.code, self.subject);
  }
};

/// One known process, for a daemon that has just connected. `ended`
/// tells whether `end` holds; then there is no pidfd. Else one can be missing
/// because the kernel let none be opened. One that never executed its program
/// has ended with status 127, and `failed_code` says why.
struct process_state_report {
  static constexpr auto type = message::process_state;
  std::uint64_t process = 0;
  std::string spec;
  std::int32_t ns_pid = 0;
  std::int64_t started_at_ns = 0; ///< CLOCK_REALTIME
  bool starting = false;
  bool ready = false; ///< by the word of its `ready_fd`
  bool ended = false;
  end_of_process end;
  std::uint8_t carries = 0;
  spawn_step failed_step = spawn_step::fork;
  std::int32_t failed_code = 0; ///< errno; 0: it did execute
  std::string failed_subject;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.spec, self.ns_pid, self.started_at_ns, self.starting,
       self.ready, self.ended, self.end, self.carries, self.failed_step,
       self.failed_code, self.failed_subject);
  }
};

/// The answer to a `describe_order`: all that a greeting says of the process.
struct described_report : process_state_report {
  static constexpr auto type = message::described;
};

struct exited_report {
  static constexpr auto type = message::exited;
  std::uint64_t process = 0;
  end_of_process end;

  static void fields(auto& ar, auto& self) {
    ar(self.process, self.end);
  }
};

/// A line came through its `ready_fd`. Repeated by the process's state alone.
struct ready_report {
  static constexpr auto type = message::ready;
  std::uint64_t process = 0;

  static void fields(auto& ar, auto& self) {
    ar(self.process);
  }
};

/// An order could not be carried out.
struct refused_report {
  static constexpr auto type = message::refused;
  std::int32_t code = 0; ///< errno
  std::string operation;

  static void fields(auto& ar, auto& self) {
    ar(self.code, self.operation);
  }
};

/// An order without an answer of its own was carried out.
struct done_report {
  static constexpr auto type = message::done;

  static void fields(auto&, auto&) {}
};

} // namespace reeve::kernel::holder
