// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <list>
#include <string>

namespace reeve::holder {

/// One process that a daemon asked for, from its order until its end was
/// acknowledged and its descriptors were released.
struct process_entry {
  enum class phase : std::uint8_t {
    starting, ///< forked, not yet executed
    running,
    ended,
  };

  std::uint64_t id = 0;
  std::string spec; ///< opaque; the daemon gets it back at adoption
  pid_t pid = -1;
  phase state = phase::starting;
  bool acknowledged = false;
  std::int64_t started_at_ns = 0;
  std::int64_t start_deadline_ns = 0; ///< monotonic; while starting
  kernel::holder::end_of_process end;

  // An end, too: kept until it was acknowledged.
  kernel::holder::spawn_step failed_step = kernel::holder::spawn_step::fork;
  std::int32_t failed_code = 0; ///< 0: it did not fail
  std::string failed_subject;

  kernel::unique_fd exec_status; ///< open until exec or failure
  kernel::unique_fd ready_end;   ///< open until a line came through it
  bool ready = false;            ///< one has
  kernel::unique_fd pidfd;       ///< only until `spawned` was sent

  // Descriptor store: copies of what the daemon holds, so that its death
  // breaks no pipe and hangs up no terminal.
  kernel::unique_fd stdin_end;
  kernel::unique_fd stdout_end;
  kernel::unique_fd stderr_end;
  kernel::unique_fd master;
};

/// The processes of one container. Remembers the ids of the last processes it
/// forgot, so that an order repeated late is not carried out twice.
class process_table {
public:
  static constexpr std::size_t capacity = kernel::holder::max_processes;

  [[nodiscard]] process_entry* find(std::uint64_t id);
  [[nodiscard]] process_entry* find_pid(pid_t pid);
  [[nodiscard]] bool was_forgotten(std::uint64_t id) const;
  [[nodiscard]] bool is_full() const {
    return entries_.size() >= capacity;
  }

  process_entry& add(std::uint64_t id);

  [[nodiscard]] bool has_living() const;

  /// Drops an entry that is ended, acknowledged and holds no descriptor.
  void forget_if_done(process_entry& entry);

  /// Drops an entry whatever its state.
  void forget(process_entry& entry);

  /// Drops the oldest failed start if there are more than `most`.
  void bound_failures(std::size_t most);

  [[nodiscard]] std::list<process_entry>& entries() {
    return entries_;
  }

private:
  static constexpr std::size_t remembered = 1024;

  std::list<process_entry> entries_;
  std::deque<std::uint64_t> forgotten_;
};

} // namespace reeve::holder
