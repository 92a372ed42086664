// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace reeve::tests {

/// For a test that cannot try here what it promises: `return skip("...")`. The
/// program then ends with 77, which ctest takes for a skip, unless something
/// fails. A test that returned without a word would count as passed.
void skip(const std::string& reason);

/// True if the tests that need the real kernel can run; skips if not.
[[nodiscard]] bool is_root();

/// The status for `main` to end with.
[[nodiscard]] int status_after_skips(int status);

} // namespace reeve::tests
