// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/spec_inspection.hpp"
#include "actors/stats_inspection.hpp"
#include "actors/type_ids.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/container_lifecycle.hpp"
#include "supervisor/exit_reason.hpp"
#include "supervisor/oom_decision.hpp"
#include "supervisor/process_lifecycle.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// The messages that Reeve understands: from an embedding service, from the
/// console, from any gateway. Commands are imperative, queries start with
/// `get_` or `read_`, replies state the fact. All are plain data.
///
/// `command` is chosen by the client, 0 for none: a command that is repeated
/// with the same number gets the first answer again, so that a client may retry
/// after a lost connection. Times are milliseconds since the epoch, durations
/// milliseconds; names say so.
namespace reeve::supervisor {

// -- containers ---------------------------------------------------------------

/// Makes a container and starts the processes of its spec.
struct create_container {
  std::uint64_t command = 0;
  config::container_spec spec;
  bool durable = false; ///< answer only when the record is on the disk
};

struct container_created {
  std::string container;
  std::string id;
};

/// Without `force` only a container in which nothing runs.
struct destroy_container {
  std::string container;
  bool force = false;
  std::int64_t grace_ms = -1; ///< with `force`; -1: each process's own
};

/// Keeps a `weak` container for `lease::term` (15 s): a client that wants it
/// says so again and again. It is destroyed, whatever runs in it, when the last
/// one has not, has let go, or has lost its connection to the daemon; and when
/// nobody has come within that time after it was made, or after the daemon
/// began.
struct hold_container {
  std::string container;
  std::uint64_t holder = 0; ///< tells clients apart; chosen by each, not 0
};

/// Answered when the container is what it is then.
struct release_container {
  std::string container;
  std::uint64_t holder = 0;
};

/// Brings a stopped container up again, with its declared processes.
struct start_container {
  std::string container;
};

/// Ends all processes and PID 1; keeps the files and the spec.
struct stop_container {
  std::string container;
  std::int64_t grace_ms = -1; ///< -1: each process's own
};

/// Freezes all processes until somebody resumes them. With a `holder`, a number
/// that the client chooses, only as long as one is there who holds it: each
/// says so again within 15 seconds, with `renews`, which is refused when the
/// pause has ended meanwhile. The end of a client is the end of what it holds.
/// When the daemon ends they go on in any case.
struct pause_container {
  std::string container;
  std::uint64_t holder = 0;
  bool renews = false;
};

/// Lets them go on, whoever has paused them; with a `holder` only if nobody
/// else has.
struct resume_container {
  std::string container;
  std::uint64_t holder = 0;
};

/// The answer to each of the five above.
struct container_is {
  std::string container;
  container_phase phase = container_phase::creating;
  /// What went wrong on the way without stopping it.
  std::vector<std::string> problems;
};

// -- processes ----------------------------------------------------------------

/// Adds a process to a running container and starts it. Answers when its
/// program runs; a start that fails is an error and leaves no process.
struct run_process {
  std::uint64_t command = 0;
  std::string container;
  config::process_spec spec;
  /// Holds the output back until the caller reads it with `follow`.
  bool attached = false;
};

struct process_started {
  std::string container;
  std::string process;
  std::int32_t pid = 0;    ///< as the daemon's pid namespace sees it
  std::int32_t ns_pid = 0; ///< in the container
};

/// Starts a process that has ended, or cuts a back-off short.
struct start_process {
  std::string container;
  std::string process;
};

/// Stop signal, grace, SIGKILL to its process group. It is not restarted.
struct stop_process {
  std::string container;
  std::string process;
  std::int64_t grace_ms = -1; ///< -1: the process's own
};

/// Drops a process that has ended, and its log.
struct remove_process {
  std::string container;
  std::string process;
};

struct signal_process {
  std::string container;
  std::string process;
  std::int32_t signo = 0;
  bool whole_group = false;
};

struct resize_terminal {
  std::string container;
  std::string process;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};

/// Answered when the process's pipe or terminal has taken all bytes: that is
/// the back-pressure.
struct write_input {
  std::string container;
  std::string process;
  std::string bytes;
  bool end = false; ///< end of file after these
};

enum class output_stream_id : std::uint8_t { out = 1, err = 2 };

/// Reads the kept output from `offset`. With `wait_ms` the answer waits for
/// news, at most so long (and never more than a minute); it may be empty.
/// With `follow` the process's output is held back for this reader: a stream
/// is never more than a quarter of a megabyte ahead of it, until it has not
/// asked for 30 seconds.
struct read_output {
  std::string container;
  std::string process;
  output_stream_id stream = output_stream_id::out;
  std::uint64_t offset = 0;
  std::uint32_t max = 256 * 1024;
  std::int64_t wait_ms = 0;
  bool follow = false;
  /// Tells followers of one stream apart; chosen by the client, not 0.
  std::uint64_t reader = 1;
  /// Begins with the first line of which anything came then or later, if that
  /// is beyond `offset`; 0: anything.
  std::int64_t since_ms = 0;
  bool times = false; ///< also when the bytes came
};

/// Bytes from `offset` on came at `unix_ms` or up to 10 ms later.
struct output_time {
  std::uint64_t offset = 0;
  std::int64_t unix_ms = 0;
};

struct output_chunk {
  /// Of the first byte. Larger than asked for: that many bytes are lost, since
  /// the oldest are dropped when nobody holds them. Smaller: so much does not
  /// exist yet. Go on at `offset + bytes.size()`.
  std::uint64_t offset = 0;
  std::string bytes;
  bool at_end = false;   ///< nothing more will come from this run
  std::uint64_t end = 0; ///< offset of the next byte to come
  /// If asked for, the first at or before `offset` as far as that is known.
  std::vector<output_time> times;
};

/// Answers when the process has ended for good, or after `wait_ms`.
struct wait_process {
  std::string container;
  std::string process;
  std::int64_t wait_ms = 60'000;
};

struct process_info {
  std::string container;
  std::string process;
  process_phase phase = process_phase::created;
  std::int32_t pid = 0;
  std::int32_t ns_pid = 0;
  config::restart_type restart = config::restart_type::temporary;
  std::uint32_t restarts = 0;           ///< since it was added
  std::uint32_t restarts_in_window = 0; ///< counted by the intensity
  std::int64_t since_ms = 0;            ///< of the phase
  std::int64_t next_restart_ms = 0;     ///< while backing off
  bool has_ended = false;               ///< `last` is meaningful
  exit_reason last;
  std::vector<std::string> argv;
  bool has_tty = false;
  /// Bytes that were lost since the daemon began: no disk had room for them, or
  /// nobody followed a process without a log.
  std::uint64_t output_dropped = 0;
  /// Bytes that are kept but were not forwarded: who gets them was too slow.
  std::uint64_t forward_dropped = 0;
  /// While the process waits for room for its output: why there is none.
  std::string output_blocked;
  bool ready = false; ///< it runs, and has told so if it is to
  /// While it is `waiting`, as its container knows it: the processes that are
  /// to be ready, or down, before it.
  std::vector<std::string> waits_for;
};

/// In process only: three descriptors for stdin, stdout and stderr, borrowed by
/// the new process; the spec's own stdio is not looked at.
struct run_process_with_stdio {
  run_process run;
  std::vector<std::shared_ptr<kernel::unique_fd>> stdio;
};

/// The answer to commands on a process that have no other.
struct process_is {
  process_info info;
};

// -- limits -------------------------------------------------------------------

/// Keys as in `reeve set`. All or none: the first refusal rolls back. Of a
/// container that is stopped an empty value makes the limit one that nobody has
/// set.
struct set_limits {
  std::string container;
  std::vector<std::pair<std::string, std::string>> values;
  /// Memory below what is in use is not refused: processes of the container are
  /// killed, the largest first, until it fits.
  bool force = false;
};

/// The same for each container that a `list_containers` with this pattern and
/// these properties names, all at the same time; one that refuses is no reason
/// for another.
struct set_limits_of_all {
  std::string pattern;
  std::map<std::string, std::string> properties;
  std::vector<std::pair<std::string, std::string>> values;
  bool force = false;
};

struct limits_change {
  std::string container;
  std::string error;                ///< empty: it was done
  std::vector<std::int32_t> killed; ///< see `limits_in_force`
};

struct limits_changes {
  std::vector<limits_change> containers; ///< by name
};

/// No keys: all.
struct get_limits {
  std::string container;
  std::vector<std::string> keys;
};

struct limit_in_force {
  std::string key;
  std::string value;  ///< as `set_limits` reads it; "max" for none
  std::string source; ///< the cgroup that sets it
};

struct limits_in_force {
  std::vector<limit_in_force> limits;
  std::vector<std::int32_t> killed; ///< pids, by a `set_limits` with `force`
};

/// What a process of a container really may have: of all groups that limit it,
/// of its own limits and of the machine the least. With `wait_ms` the answer
/// waits until they are others than `seen`, at most so long (and never more
/// than a minute). A change by Reeve is seen at once, others within a second.
struct get_effective_limits {
  std::string container;
  std::string process; ///< empty: one that is started now
  std::vector<kernel::effective_limit> seen;
  std::int64_t wait_ms = 0;
};

struct effective_limits {
  std::string container;
  std::string process;
  std::vector<kernel::effective_limit> limits;
};

/// Has the kernel take memory back from a container that is up: what is in page
/// cache, and the rest to swap. Answered when that is done, in seconds where
/// much has to be written.
struct reclaim_memory {
  std::string container;
  std::uint64_t bytes = 0; ///< 0: as much as it can
};

/// Bytes in use. How much went is the difference, as far as the container has
/// taken nothing meanwhile.
struct memory_reclaimed {
  std::string container;
  std::uint64_t memory_before = 0;
  std::uint64_t memory_after = 0;
  std::uint64_t swap_before = 0;
  std::uint64_t swap_after = 0;
};

// -- out of memory ------------------------------------------------------------

/// A container whose limit `oom.policy` is not "kill".
struct get_oom {
  std::string container;
};

struct oom_status {
  std::string container;
  std::string policy; ///< as in `set_limits`
  /// That it was out of memory, as long as this daemon has looked after it by
  /// any policy but "kill"; twice within a second is once.
  std::uint64_t times = 0;
  bool is_out = false;        ///< just now
  std::int64_t answer_by = 0; ///< ms since the epoch; 0: nobody is asked
  oom_figures figures;        ///< of the last time
  std::string last;           ///< what was done about it, as events tell it
};

/// Answers the question of a "freeze_and_ask": "kill_largest", "kill_group",
/// "raise:LIMIT" or "wait:TIME". Answered when it is done. Refused when nothing
/// is asked.
struct decide_oom {
  std::string container;
  std::string decision;
};

// -- statistics ---------------------------------------------------------------

/// Of a container that is up. Rates are for whoever asks to compute, from two
/// answers and the times at which they were `taken`.
///
/// With a period the answer comes when it is over the next time, counted from
/// the epoch of CLOCK_MONOTONIC: who asks again after each answer has one
/// reading in each period, of which there is one for all that wait for it. From
/// 10 ms to an hour.
struct get_stats {
  std::string container;
  bool with_processes = false;
  std::int64_t period_ms = 0;
};

/// One process, without what it has started itself.
struct process_stats {
  std::string process;
  std::int32_t pid = 0; ///< as the host sees it
  kernel::process_stats stats;
};

struct container_stats {
  std::string container;
  std::string id;
  std::int64_t time_ms = 0; ///< when it was taken, since the epoch
  kernel::container_stats stats;
  std::vector<process_stats> processes; ///< those that run, if asked for
};

/// Of all that are up and that a `list_containers` would name.
struct get_stats_of_all {
  std::string pattern;
  std::map<std::string, std::string> properties;
};

struct stats_list {
  std::vector<container_stats> containers; ///< by name
};

// -- the collection -----------------------------------------------------------

/// `pattern` is a glob over names (`*` also matches `/`); every property given
/// must be equal.
struct list_containers {
  std::string pattern;
  std::map<std::string, std::string> properties;
};

struct container_info {
  std::string container;
  std::string id;
  container_phase phase = container_phase::creating;
  std::string image; ///< or the root file system's path
  std::int64_t created_ms = 0;
  std::int32_t pid = 0;       ///< of PID 1 as the host sees it; 0: none
  std::uint32_t uid_base = 0; ///< host uid of its root
  std::uint32_t live_processes = 0;
  std::map<std::string, std::string> properties;
  std::vector<std::string> problems;
};

struct container_list {
  std::vector<container_info> containers;
};

/// One container with its processes and limits.
struct get_container {
  std::string container;
};

struct container_details {
  container_info info;
  config::container_spec spec;
  std::vector<process_info> processes;
  std::vector<limit_in_force> limits;
  std::string cgroup;
};

// -- events -------------------------------------------------------------------

enum class event_kind : std::uint8_t {
  container_created,
  container_started,
  container_stopped,
  container_paused,
  container_resumed,
  container_failed,
  container_held,
  container_destroyed,
  container_adopted,
  process_started,
  process_exited,
  process_restarting,
  process_gave_up,
  process_removed,
  limits_changed,
  daemon_started,
  container_gave_up,
  process_ready, ///< of one that tells it
  container_rebuilding,
  container_out_of_memory, ///< and what was done about it, see `oom.policy`
};

[[nodiscard]] std::string_view name_of(event_kind kind);

struct event {
  std::uint64_t seq = 0;
  std::int64_t time_ms = 0;
  event_kind kind = event_kind::daemon_started;
  std::string container;
  std::string process;
  std::string text; ///< for people
};

/// Events with a number above `after`. Empty after `wait_ms`. A subscriber that
/// was too slow sees `gap`: that many events are gone.
struct get_events {
  std::uint64_t after = 0;
  std::uint32_t max = 1000;
  std::int64_t wait_ms = 0;
};

struct event_batch {
  std::vector<event> events;
  std::uint64_t gap = 0;
  std::uint64_t last = 0; ///< number of the newest event there is
};

// -- images and the daemon ----------------------------------------------------

struct list_images {};

struct image_info {
  std::string image;
  std::string path;
};

struct image_list {
  std::vector<image_info> images;
};

struct get_daemon {};

struct daemon_info {
  std::string version;
  std::int32_t pid = 0;
  std::string state_dir;
  std::string run_dir;
  std::string cgroup_mode;
  std::string cgroup;
  std::uint32_t pool_ready = 0;
  std::uint32_t pool_size = 0;
  std::uint64_t pool_hits = 0;
  std::uint64_t pool_misses = 0;
  std::uint32_t containers = 0;
  std::int64_t started_ms = 0; ///< tells it from one before, of the same pid
};

/// The daemon executes another program in its place, with the same arguments
/// and the socket that it listens on. Refused if that program does not accept
/// the daemon's configuration. Containers do not notice; clients lose their
/// connection, and may connect again at once.
struct upgrade_daemon {
  std::string program; ///< absolute path; empty: the daemon's own
};

/// It does so in a moment.
struct daemon_upgrading {
  std::string program;
};

/// What can be asked from anywhere. `warden` implements it; nothing else can be
/// reached through the daemon's socket.
using api_actor = caf::typed_actor<
    caf::replies_to<create_container>::with<container_created>,
    caf::replies_to<destroy_container>::with<container_is>,
    caf::replies_to<start_container>::with<container_is>,
    caf::replies_to<stop_container>::with<container_is>,
    caf::replies_to<pause_container>::with<container_is>,
    caf::replies_to<resume_container>::with<container_is>,
    caf::replies_to<hold_container>::with<container_is>,
    caf::replies_to<release_container>::with<container_is>,
    caf::replies_to<run_process>::with<process_started>,
    caf::replies_to<start_process>::with<process_started>,
    caf::replies_to<stop_process>::with<process_is>,
    caf::replies_to<remove_process>::with<process_is>,
    caf::replies_to<signal_process>::with<process_is>,
    caf::replies_to<resize_terminal>::with<process_is>,
    caf::replies_to<write_input>::with<process_is>,
    caf::replies_to<read_output>::with<output_chunk>,
    caf::replies_to<wait_process>::with<process_is>,
    caf::replies_to<set_limits>::with<limits_in_force>,
    caf::replies_to<get_limits>::with<limits_in_force>,
    caf::replies_to<get_effective_limits>::with<effective_limits>,
    caf::replies_to<set_limits_of_all>::with<limits_changes>,
    caf::replies_to<reclaim_memory>::with<memory_reclaimed>,
    caf::replies_to<get_oom>::with<oom_status>,
    caf::replies_to<decide_oom>::with<oom_status>,
    caf::replies_to<get_stats>::with<container_stats>,
    caf::replies_to<get_stats_of_all>::with<stats_list>,
    caf::replies_to<list_containers>::with<container_list>,
    caf::replies_to<get_container>::with<container_details>,
    caf::replies_to<get_events>::with<event_batch>,
    caf::replies_to<list_images>::with<image_list>,
    caf::replies_to<get_daemon>::with<daemon_info>,
    caf::replies_to<upgrade_daemon>::with<daemon_upgrading>>;

/// What can be asked within the process that hosts Reeve.
using local_api_actor = api_actor::extend<
    caf::replies_to<run_process_with_stdio>::with<process_started>>;

// -- inspection: api_inspection.cpp ------------------------------------------

REEVE_DECLARE_INSPECTION(exit_reason)
REEVE_DECLARE_INSPECTION(create_container)
REEVE_DECLARE_INSPECTION(container_created)
REEVE_DECLARE_INSPECTION(destroy_container)
REEVE_DECLARE_INSPECTION(start_container)
REEVE_DECLARE_INSPECTION(stop_container)
REEVE_DECLARE_INSPECTION(pause_container)
REEVE_DECLARE_INSPECTION(resume_container)
REEVE_DECLARE_INSPECTION(hold_container)
REEVE_DECLARE_INSPECTION(release_container)
REEVE_DECLARE_INSPECTION(container_is)
REEVE_DECLARE_INSPECTION(run_process)
REEVE_DECLARE_INSPECTION(process_started)
REEVE_DECLARE_INSPECTION(start_process)
REEVE_DECLARE_INSPECTION(stop_process)
REEVE_DECLARE_INSPECTION(remove_process)
REEVE_DECLARE_INSPECTION(signal_process)
REEVE_DECLARE_INSPECTION(resize_terminal)
REEVE_DECLARE_INSPECTION(write_input)
REEVE_DECLARE_INSPECTION(read_output)
REEVE_DECLARE_INSPECTION(output_time)
REEVE_DECLARE_INSPECTION(output_chunk)
REEVE_DECLARE_INSPECTION(wait_process)
REEVE_DECLARE_INSPECTION(process_info)
REEVE_DECLARE_INSPECTION(process_is)
REEVE_DECLARE_INSPECTION(set_limits)
REEVE_DECLARE_INSPECTION(get_limits)
REEVE_DECLARE_INSPECTION(set_limits_of_all)
REEVE_DECLARE_INSPECTION(limits_change)
REEVE_DECLARE_INSPECTION(limits_changes)
REEVE_DECLARE_INSPECTION(reclaim_memory)
REEVE_DECLARE_INSPECTION(memory_reclaimed)
REEVE_DECLARE_INSPECTION(get_effective_limits)
REEVE_DECLARE_INSPECTION(effective_limits)
REEVE_DECLARE_INSPECTION(get_oom)
REEVE_DECLARE_INSPECTION(oom_figures)
REEVE_DECLARE_INSPECTION(oom_status)
REEVE_DECLARE_INSPECTION(decide_oom)
REEVE_DECLARE_INSPECTION(get_stats)
REEVE_DECLARE_INSPECTION(process_stats)
REEVE_DECLARE_INSPECTION(container_stats)
REEVE_DECLARE_INSPECTION(get_stats_of_all)
REEVE_DECLARE_INSPECTION(stats_list)
REEVE_DECLARE_INSPECTION(limit_in_force)
REEVE_DECLARE_INSPECTION(limits_in_force)
REEVE_DECLARE_INSPECTION(list_containers)
REEVE_DECLARE_INSPECTION(container_info)
REEVE_DECLARE_INSPECTION(container_list)
REEVE_DECLARE_INSPECTION(get_container)
REEVE_DECLARE_INSPECTION(container_details)
REEVE_DECLARE_INSPECTION(event)
REEVE_DECLARE_INSPECTION(get_events)
REEVE_DECLARE_INSPECTION(event_batch)
REEVE_DECLARE_INSPECTION(list_images)
REEVE_DECLARE_INSPECTION(image_info)
REEVE_DECLARE_INSPECTION(image_list)
REEVE_DECLARE_INSPECTION(get_daemon)
REEVE_DECLARE_INSPECTION(daemon_info)
REEVE_DECLARE_INSPECTION(upgrade_daemon)
REEVE_DECLARE_INSPECTION(daemon_upgrading)

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::run_process_with_stdio)
