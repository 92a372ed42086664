// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/api.hpp"

#include <string>

namespace reeve::console {

/// Puts the time when it came in front of each line of a stream, which is read
/// from the beginning of one.
class line_times {
public:
  /// The bytes of the next chunk, with times.
  [[nodiscard]] std::string put_before(const supervisor::output_chunk& next);

private:
  bool is_at_start_ = true; ///< of a line
};

} // namespace reeve::console
