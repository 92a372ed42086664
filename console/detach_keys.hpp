// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>
#include <string_view>

namespace reeve::console {

/// Finds ctrl-p ctrl-q in what is typed at a terminal in raw mode. A ctrl-p is
/// kept back until the next key tells what it was.
class detach_keys {
public:
  struct outcome {
    std::string bytes; ///< for the program
    bool detach = false;
  };

  /// Nothing after the two keys is looked at.
  [[nodiscard]] outcome feed(std::string_view typed);

private:
  bool seen_first_ = false;
};

} // namespace reeve::console
