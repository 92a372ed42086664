// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/support/catch.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace reeve::tests {

/// A process that does nothing, may have 33 descriptors, 44 if it asks, and
/// runs on processor 0 alone.
class limited_child {
public:
  limited_child() : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0)
      for (;;)
        ::pause();
    rlimit files{33, 44};
    CHECK(::prlimit(pid_, RLIMIT_NOFILE, &files, nullptr) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    CHECK(::sched_setaffinity(pid_, sizeof(one), &one) == 0);
  }

  limited_child(const limited_child&) = delete;
  limited_child& operator=(const limited_child&) = delete;

  ~limited_child() {
    end();
  }

  [[nodiscard]] pid_t pid() const {
    return pid_;
  }

  /// Its number is nobody's any more.
  void end() {
    if (is_over_)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    is_over_ = true;
  }

private:
  pid_t pid_;
  bool is_over_ = false;
};

} // namespace reeve::tests
