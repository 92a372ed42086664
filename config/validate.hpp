// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/daemon_config.hpp"
#include "config/error.hpp"
#include "config/process_spec.hpp"

namespace reeve::config {

/// Says whether a spec makes sense as a whole, wherever it came from: names,
/// paths, ranges, known words, and conflicts between members. Nothing outside
/// of the spec is looked at, so a path that passes may still not exist. Errors
/// name the first key that is wrong, with the value found and what was
/// expected; they have no position.
[[nodiscard]] result<void> validate(const container_spec& spec);

[[nodiscard]] result<void> validate(const process_spec& spec);

[[nodiscard]] result<void> validate(const daemon_config& cfg);

} // namespace reeve::config
