// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `main` of all tests with Catch2 version 2; version 3 brings its own
// (Catch2::Catch2WithMain).
#define CATCH_CONFIG_MAIN
#include "tests/support/catch.hpp"
