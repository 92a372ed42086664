// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

namespace reeve::tests {

/// Fails the test if it leaves anything of Reeve on the host. Every `instance`
/// and `daemon_process` has one; of those that overlap in time, the first
/// looks before and the last looks after, so that several Reeves in one test
/// are one thing to it.
class leak_guard {
public:
  leak_guard();
  leak_guard(const leak_guard&) = delete;
  leak_guard& operator=(const leak_guard&) = delete;
  ~leak_guard();
};

} // namespace reeve::tests
