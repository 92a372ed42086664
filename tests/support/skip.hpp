// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace reeve::tests {

/// What version 3 of Catch2 ends with when it has skipped a test, and tells
/// ctest of, whatever else it was told.
constexpr int skipped_status = 4;

/// For a test that cannot try here what it promises: `return skip("...")`. The
/// program then ends with `skipped_status`, unless something fails. A test that
/// returned without a word would count as passed.
void skip(const std::string& reason);

/// True if the tests that need the real kernel can run; skips if not.
[[nodiscard]] bool is_root();

/// The status for `main` to end with. Version 2 of Catch2 gives the number of
/// failed assertions, which may be any.
[[nodiscard]] int status_after_skips(int status);

} // namespace reeve::tests
