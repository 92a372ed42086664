// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace reeve::supervisor {

inline constexpr const char* version = "0.1.0";

} // namespace reeve::supervisor
