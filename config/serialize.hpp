// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/process_spec.hpp"

#include <string>

namespace reeve::config {

/// The form on disk: one line of JSON without the fields that equal their
/// default, which `parse_container_spec` reads back to an equal spec. That
/// holds for every spec that `validate` accepts; strings that are not UTF-8
/// cannot be represented. The version of the format is the caller's to write
/// beside it: a changed default changes what an old text means.
[[nodiscard]] std::string to_json(const container_spec& spec);

[[nodiscard]] std::string to_json(const process_spec& spec);

} // namespace reeve::config
