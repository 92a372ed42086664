// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/measurement.hpp"
#include "benchmarks/workshop.hpp"
#include "kernel-iface/result.hpp"

#include <cstdint>

namespace reeve::bench {

/// Messages before the one that is timed, of the floors and of Reeve: the first
/// pay for copies of pages and for threads that went to sleep.
constexpr int untimed_trips = 3;

/// What the kernel alone takes for the work of a scenario.
enum class floor_kind : std::uint8_t {
  exec,
  create_cold,
  create_warm,
  destroy,
  set,
  restart,
  message_in_process,
  message_between_processes,
  restart_storm,
};

/// Performs one iteration of a floor in straight-line system calls and says
/// how long it took. Preparation and cleaning up are not in that time, and
/// nothing is left behind. Runs in the process that entered the workshop.
/// `processes` is how many a storm has.
[[nodiscard]] kernel::result<duration>
measure_floor(floor_kind kind, std::uint32_t processes, workshop& shop);

// One per kind.

/// vfork and exec of a static busybox `true`, to the collection of its end.
[[nodiscard]] kernel::result<duration> exec_floor(workshop& shop);

/// A whole straight_container, or the rest when one was prepared.
[[nodiscard]] kernel::result<duration> create_cold_floor(workshop& shop);
[[nodiscard]] kernel::result<duration> create_warm_floor(workshop& shop);

/// Kill, wait and rmdir of a straight_container.
[[nodiscard]] kernel::result<duration> destroy_floor(workshop& shop);

/// open, write and close of a memory limit.
[[nodiscard]] kernel::result<duration> set_floor(workshop& shop);

/// From the SIGKILL of a child over the notice of its death to the next one's
/// exec.
[[nodiscard]] kernel::result<duration> restart_floor(workshop& shop);

/// One round trip between two threads that sleep on a futex, as mailboxes do.
[[nodiscard]] kernel::result<duration> message_in_process_floor(workshop& shop);

/// One round trip of 64 bytes over a unix socket between two processes.
[[nodiscard]] kernel::result<duration>
message_between_processes_floor(workshop& shop);

/// From the SIGKILL of that many children to the exec of the last one of as
/// many others, by one parent for each processor that this process may use.
[[nodiscard]] kernel::result<duration>
restart_storm_floor(std::uint32_t processes, workshop& shop);

} // namespace reeve::bench
