// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/names.hpp"

#include "tests/support/catch.hpp"

#include <csignal>

using namespace reeve::config;

TEST_CASE("signal_number: reads names with and without prefix, and numbers",
          "[config][unit]") {
  CHECK(signal_number("SIGTERM") == SIGTERM);
  CHECK(signal_number("TERM") == SIGTERM);
  CHECK(signal_number("15") == SIGTERM);
  CHECK(signal_number("SIGHUP") == SIGHUP);
  CHECK(signal_number("SIGUSR2") == SIGUSR2);
  CHECK(signal_number("SIGWINCH") == SIGWINCH);
  CHECK(signal_number("SIGSYS") == SIGSYS);
  CHECK(signal_number("SIGRTMIN") == SIGRTMIN);
  CHECK(signal_number("SIGRTMIN+3") == SIGRTMIN + 3);
  CHECK(signal_number("RTMAX-1") == SIGRTMAX - 1);
}

TEST_CASE("signal_number: knows no other signals", "[config][unit]") {
  for (auto text : {"", "SIG", "0", "65", "-1", "sigterm", "SIGNOPE",
                    "SIGRTMIN+31", "SIGRTMIN+", "SIGRTMAX--1", "15 "}) {
    INFO(text);
    CHECK(!signal_number(text).has_value());
  }
}

TEST_CASE("capability_number: is the kernel's number", "[config][unit]") {
  CHECK(capability_number("CHOWN") == 0);
  CHECK(capability_number("CAP_SYS_ADMIN") == 21);
  CHECK(capability_number("SETFCAP") == 31);
  CHECK(capability_number("CHECKPOINT_RESTORE") == 40);
  CHECK(!capability_number("chown").has_value());
  CHECK(!capability_number("ALL").has_value());
  CHECK(!capability_number("CAP_CAP_CHOWN").has_value());
}

TEST_CASE("rlimit_number: is the kernel's number", "[config][unit]") {
  CHECK(rlimit_number("cpu") == 0);
  CHECK(rlimit_number("nofile") == 7);
  CHECK(rlimit_number("rttime") == 15);
  CHECK(!rlimit_number("NOFILE").has_value());
}
