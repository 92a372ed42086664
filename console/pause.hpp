// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/context.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace reeve::console {

/// A pause that lasts as long as we are there: for a time, or while a program
/// of this host runs.
struct pause_options {
  std::string name;
  std::string time; ///< as it was given
  std::optional<std::chrono::milliseconds> lasts;
  std::vector<std::string> command;
};

/// The status of the program. A failure if somebody has ended the pause before.
[[nodiscard]] result<int> pause_and_stay(context& ctx,
                                         const pause_options& how);

} // namespace reeve::console
