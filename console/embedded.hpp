// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/host.hpp"

namespace reeve::console {

/// Starts the actors in this process, with a root of their own that ends with
/// them. Needs root.
[[nodiscard]] result<std::unique_ptr<host>> embed();

} // namespace reeve::console
