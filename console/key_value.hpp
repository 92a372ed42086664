// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/failure.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::console {

/// "KEY=VALUE"; the key is not empty, the value may be. `option` is for the
/// error.
[[nodiscard]] result<std::pair<std::string, std::string>>
parse_key_value(std::string_view option, const std::string& text);

/// Each key at most once.
[[nodiscard]] result<std::map<std::string, std::string>>
parse_properties(std::string_view option,
                 const std::vector<std::string>& texts);

} // namespace reeve::console
