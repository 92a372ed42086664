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

/// What is kept about one container. The spec's processes are those that a
/// restart of the container starts again.
struct container_record {
  std::string id;
  config::container_spec spec;
  std::uint32_t uid_base = 0;
  std::int64_t created_ms = 0;
  /// The next process added gets this serial.
  std::uint32_t next_serial = 1;
  /// Serials of `spec.processes`, in their order.
  std::vector<std::uint32_t> serials;
  /// How those of them that are over ended. A new daemon could not tell them
  /// from processes that wait for their next start.
  std::map<std::uint32_t, exit_reason> ended;
  /// The user wants it up. A stopped container is adopted as stopped.
  bool wanted_up = true;
  /// PID 1 of this boot; 0: none.
  std::int32_t holder_pid = 0;
  std::uint64_t holder_start_time = 0;
  std::string boot_id;
};

/// The records on disk: `<state_dir>/containers/<id>/record.json`, beside the
/// container's private layer and its logs. A record is replaced by rename, so
/// it is there completely or not at all; its format is versioned.
///
/// Any thread. Blocks for file operations.
class state_store {
public:
  static constexpr int version = 1;

  explicit state_store(std::string state_dir);

  /// Makes the directories. A state directory of a newer version is EPROTO
  /// with a hint.
  [[nodiscard]] kernel::result<void> open();

  enum class sync : std::uint8_t { later, now };

  /// `now` returns when the record is on the disk.
  [[nodiscard]] kernel::result<void> save(const container_record& record,
                                          sync when);

  /// All records; those that cannot be read are told in `broken`.
  [[nodiscard]] kernel::result<std::vector<container_record>>
  load(std::vector<std::string>& broken) const;

  /// Ids of all container directories, with a record or without.
  [[nodiscard]] std::vector<std::string> ids() const;

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
  std::string state_dir_;
  std::mutex mutex_;
  std::uint64_t next_id_ = 1;
};

} // namespace reeve::supervisor
