// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/exit_reason.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace reeve::supervisor {

/// How a process ended that is over, and in which of its runs.
struct recorded_end {
  /// Of a record that an older Reeve wrote, which did not say.
  static constexpr auto any_run = ~std::uint64_t{0};

  exit_reason reason;
  std::uint64_t run = any_run;

  bool operator==(const recorded_end&) const = default;
};

/// What is kept about one container. The spec's processes are those that a
/// restart of the container starts again.
struct container_record {
  std::string id;
  /// Where its groups are (kernel::container_cgroup::path); empty, as in
  /// records of an older daemon: by its id.
  std::string group;
  config::container_spec spec;
  std::uint32_t uid_base = 0;
  std::uint64_t command = 0; ///< that created it; 0: it had no number
  std::string rebuilds;      ///< a tracker of this boot, see run_notes.hpp
  std::int64_t created_ms = 0;
  /// The next process added gets this serial.
  std::uint32_t next_serial = 1;
  /// Serials of `spec.processes`, in their order.
  std::vector<std::uint32_t> serials;
  /// How those of them that are over ended. A new daemon could not tell them
  /// from processes that wait for their next start.
  std::map<std::uint32_t, recorded_end> ended;
  /// The numbers of the commands that ran those of them that were not declared.
  std::map<std::uint32_t, std::uint64_t> commands;
  /// Every save of it is to outlive the machine's power, too.
  bool durable = false;
  /// The user wants it up. A stopped container is adopted as stopped.
  bool wanted_up = true;
  /// It is down because it gave up, which is not the user's wish.
  bool gave_up = false;
  /// It is down because the container that it is in went down.
  bool down_with_parent = false;
  /// PID 1 of this boot; 0: none.
  std::int32_t holder_pid = 0;
  std::uint64_t holder_start_time = 0;
  /// What its processes have that ask for nothing, by number, as
  /// config::parse_rlimit reads each; empty in a record of an older daemon.
  std::string rlimits;
  std::string boot_id;
};

[[nodiscard]] inline const std::string& group_of(const container_record& of) {
  return of.group.empty() ? of.id : of.group;
}

/// Whatever it is called.
[[nodiscard]] inline bool is_nested(const container_record& which) {
  return group_of(which) != which.id;
}

/// Its directory has a record that nobody can read. Nothing of it is touched.
struct broken_record {
  std::string id;
  std::string why; ///< with the path
};

/// The records on disk: `<state_dir>/containers/<id>/record.jsonl`, beside the
/// container's private layer and its logs. Each save appends a line with the
/// whole record; the newest whole line counts, so a save that is cut short
/// leaves the one before it. The format is versioned.
///
/// Any thread. Blocks for file operations.
class state_store {
public:
  static constexpr int version = 2;

  explicit state_store(std::string state_dir);

  /// Makes the directories. A state directory of a newer version is EPROTO
  /// with a hint.
  [[nodiscard]] kernel::result<void> open();

  /// A durable one is on the disk when this returns, others with the kernel,
  /// which outlives the daemon. One call at a time per container. On failure,
  /// as on a full disk, the record is as it was.
  [[nodiscard]] kernel::result<void> save(const container_record& record);

  /// All records; those that cannot be read are told in `broken`.
  [[nodiscard]] kernel::result<std::vector<container_record>>
  load(std::vector<broken_record>& broken) const;

  /// That of one container; ENOENT if it has none.
  [[nodiscard]] kernel::result<container_record>
  load(const std::string& id) const;

  /// Ids of all container directories, with a record or without.
  [[nodiscard]] kernel::result<std::vector<std::string>> ids() const;

  [[nodiscard]] std::string directory_of(const std::string& id) const;
  [[nodiscard]] std::string layer_of(const std::string& id) const;
  [[nodiscard]] std::string log_of(const std::string& id) const;
  [[nodiscard]] std::string image_directory() const;

  /// Makes the container's directory. Ids are never reused while it exists.
  [[nodiscard]] kernel::result<std::string> make_id();

  /// Drops the record first, so that a crash midway leaves a directory that
  /// the next sweep removes, never a container without files.
  [[nodiscard]] kernel::result<void> drop_record(const std::string& id);

private:
  [[nodiscard]] std::string record_of(const std::string& id) const;
  [[nodiscard]] kernel::result<void>
  rewrite(const std::string& id, const std::string& text, bool to_disk);

  std::string state_dir_;
  std::mutex mutex_;
  std::uint64_t next_id_ = 1;
};

} // namespace reeve::supervisor
