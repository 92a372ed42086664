// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <tl/expected.hpp>

#include <string>

namespace caf {
class error;
} // namespace caf

namespace reeve::console {

/// Statuses that mean Reeve or its user, not the program that was run.
enum status : int {
  status_ok = 0,
  status_own_error = 125,
  status_not_executable = 126,
  status_not_found = 127,
  status_signal_base = 128,
};

/// Why a command of the console failed. Prints as one line:
/// `cannot create container 'web': the name is taken; choose another`.
struct [[nodiscard]] failure {
  int status = status_own_error;
  std::string what; ///< may be empty
  std::string why;
  std::string hint; ///< what to do about it; may be empty
  /// What tells the reader of a failure that some retry or go on.
  enum class kind : unsigned char {
    other,
    not_found,
    name_taken,
    interrupted,
  };
  kind is = kind::other;
};

[[nodiscard]] std::string to_string(const failure& f);

template <class T>
using result = tl::expected<T, failure>;

/// An error of the command line.
[[nodiscard]] tl::unexpected<failure> refuse(std::string what, std::string why,
                                             std::string hint = {});

/// The answer of an actor to what we tried.
[[nodiscard]] failure failure_of(const caf::error& err, std::string what);

} // namespace reeve::console
