// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdlib>
#include <string>

namespace reeve::tests {

/// What somebody who runs a test by hand may want otherwise: a number in the
/// environment.
[[nodiscard]] inline unsigned setting(const char* name, unsigned usual) {
  const auto* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::stoul(text)) : usual;
}

} // namespace reeve::tests
