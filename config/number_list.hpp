// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"

#include <string>
#include <string_view>

namespace reeve::config {

/// A list of numbers as the kernel writes it ("List format" of cpuset(7)):
/// "0-3,8" for processors or memory nodes. Given in any order, returned in
/// ascending order with neighbours joined. Not empty, and no number is greater
/// than `last`.
[[nodiscard]] result<std::string> parse_number_list(std::string_view text,
                                                    unsigned last);

} // namespace reeve::config
