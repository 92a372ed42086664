// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"

#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace reeve::actors {

/// Why a message was refused. Stable: numbers are part of the protocol.
enum class errc : std::uint8_t {
  /// Something in the message is wrong; the text names it.
  invalid_argument = 1,
  /// No container, process or image of that name.
  not_found,
  /// The name is taken.
  already_exists,
  /// The state does not allow it; the text says which states do.
  wrong_state,
  /// The kernel said no; the text holds operation, object and errno.
  refused_by_kernel,
  /// A step did not finish within its deadline.
  timed_out,
  /// The program does not exist in the container (a shell's 127).
  program_not_found,
  /// The program cannot be executed (a shell's 126).
  program_not_executable,
  /// An id range, a table or the disk is full.
  exhausted,
  /// A helper process or an actor has gone while it worked on the request.
  gone,
  /// A defect of ours.
  internal,
  /// An actor at work on it failed, by a defect of ours. It was done as a whole
  /// or not at all: ask again.
  failed,
};

/// Stable snake_case name for JSON.
[[nodiscard]] const char* name_of(errc code);

/// The errors of Reeve's actors: a code, and a sentence for people.
[[nodiscard]] caf::error make_error(errc code, std::string text);

/// The only map from the kernel's errors to those of the actors.
[[nodiscard]] caf::error make_error(const kernel::sys_error& err);

/// The code of an error of ours; errors of CAF itself (a time-out, a receiver
/// that has gone) are mapped to the nearest.
[[nodiscard]] errc code_of(const caf::error& err);

/// The sentence for people, also for errors of CAF itself.
[[nodiscard]] std::string text_of(const caf::error& err);

} // namespace reeve::actors
