// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

/// The error and result types of everything below the actors.
namespace reeve::kernel {

/// A refused operation: what was tried, on what, and what the kernel said.
/// Prints as `write "max" to /sys/fs/cgroup/a/pids.max: Permission denied
/// (EACCES)`. `code` is an errno value.
struct [[nodiscard]] sys_error {
  int code = 0;
  std::string operation;
  std::string subject;
  /// Says what to do about it where the kernel is vague; may be empty.
  std::string hint;

  /// Puts "starting container 'a': " in front of the operation.
  [[nodiscard]] sys_error with_context(const std::string& context) &&;
};

/// Full sentence for people: operation, subject, error text and hint.
[[nodiscard]] std::string to_string(const sys_error& err);

/// Symbolic name of an errno value such as "EACCES".
[[nodiscard]] std::string errno_name(int code);

/// Named like `std::expected`, so that it can become it.
template <class T>
using result = tl::expected<T, sys_error>;

/// Makes the error of a failed call from the current `errno`.
[[nodiscard]] tl::unexpected<sys_error> last_error(std::string operation,
                                                   std::string subject = {});

/// Makes the error of a failed call from a given errno value.
[[nodiscard]] tl::unexpected<sys_error> make_error(int code,
                                                   std::string operation,
                                                   std::string subject = {},
                                                   std::string hint = {});

} // namespace reeve::kernel
