// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `main` of all tests: Catch2's, and the status of what was skipped.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

int main(int argc, char** argv) {
  return reeve::tests::status_after_skips(Catch::Session{}.run(argc, argv));
}
