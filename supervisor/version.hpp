// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace reeve::supervisor {

inline constexpr const char* version = "0.1.0";

/// The first word that `reeved --check` says, by which an upgrade knows it.
inline constexpr const char* daemon_name = "reeved";

} // namespace reeve::supervisor
