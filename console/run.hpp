// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/process_spec.hpp"
#include "console/context.hpp"

#include <optional>
#include <string>

namespace reeve::console {

struct farewell;

/// What `run` and `exec` are to do, checked.
struct run_plan {
  /// A container made for this one process, and removed after it.
  std::optional<config::container_spec> own_container;
  std::string container;
  config::process_spec process;
  bool generated_id = false; ///< another one will do if it is taken
  bool detach = false;
  bool remove = false;
  bool left_behind = false; ///< set when it goes on without us
};

[[nodiscard]] result<int> run(context& ctx, run_plan plan);

/// Exit status of the console for the way a process left its foreground, with
/// a word on standard error where the status does not say enough.
[[nodiscard]] int status_of(context& ctx, const farewell& how,
                            const std::string& name);

} // namespace reeve::console
