// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/exit_reason.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>
#include <csignal>

using namespace reeve::supervisor;

TEST_CASE("exit_reason: only exit 0 and a stop on request are normal",
          "[supervisor][exit_reason]") {
  CHECK(is_normal(exit_reason::exited(0)));
  CHECK(is_normal(exit_reason::stopped(exit_reason::signaled(SIGKILL, false))));
  CHECK_FALSE(is_normal(exit_reason::exited(1)));
  CHECK_FALSE(is_normal(exit_reason::signaled(SIGTERM, false)));
  CHECK_FALSE(is_normal(exit_reason::oom(oom_limit::own)));
  CHECK_FALSE(is_normal(exit_reason::start_failed(start_step::exec, ENOENT)));
  CHECK_FALSE(is_normal(exit_reason::gave_up(exit_reason::exited(0))));
  CHECK_FALSE(is_normal(exit_reason::lost()));
}

TEST_CASE("exit_reason: reads as a person would say it",
          "[supervisor][exit_reason]") {
  CHECK(to_string(exit_reason::exited(0)) == "exited 0");
  CHECK(to_string(exit_reason::signaled(SIGKILL, false))
        == "killed by SIGKILL");
  CHECK(to_string(exit_reason::signaled(SIGSEGV, true))
        == "killed by SIGSEGV (core dumped)");
  CHECK(to_string(exit_reason::signaled(40, false)) == "killed by signal 40");
  CHECK(to_string(exit_reason::oom(oom_limit::own))
        == "killed: out of memory (limit of this container)");
  CHECK(to_string(exit_reason::oom(oom_limit::unknown))
        == "killed: out of memory");
  CHECK(to_string(exit_reason::start_failed(start_step::exec, ENOENT))
        == "could not start: exec: No such file or directory (ENOENT)");
  CHECK(to_string(exit_reason::stopped()) == "stopped");
  CHECK(to_string(exit_reason::lost()) == "lost");
}

TEST_CASE("exit_reason: stopped and gave_up keep the end that they rename",
          "[supervisor][exit_reason]") {
  auto killed = exit_reason::signaled(SIGTERM, false);
  CHECK(to_string(exit_reason::stopped(killed))
        == "stopped (killed by SIGTERM)");
  CHECK(shell_status(exit_reason::stopped(killed)) == 143);
  CHECK(to_string(exit_reason::gave_up(exit_reason::exited(3)))
        == "gave up restarting (exited 3)");
  CHECK(shell_status(exit_reason::gave_up(exit_reason::exited(3))) == 3);
}

TEST_CASE("exit_reason: the shell status follows container users' custom",
          "[supervisor][exit_reason]") {
  CHECK(shell_status(exit_reason::exited(0)) == 0);
  CHECK(shell_status(exit_reason::exited(255)) == 255);
  CHECK(shell_status(exit_reason::signaled(SIGINT, false)) == 130);
  CHECK(shell_status(exit_reason::oom(oom_limit::host)) == 137);
  CHECK(shell_status(exit_reason::start_failed(start_step::exec, ENOENT))
        == 127);
  CHECK(shell_status(exit_reason::start_failed(start_step::exec, EACCES))
        == 126);
  CHECK(shell_status(exit_reason::start_failed(start_step::directory, ENOENT))
        == 125);
  CHECK(shell_status(exit_reason::lost()) == 125);
}

TEST_CASE("exit_reason: giving up never looks like success",
          "[supervisor][exit_reason]") {
  for (const auto& last :
       {exit_reason::exited(0), exit_reason::lost(), exit_reason::stopped()}) {
    auto reason = exit_reason::gave_up(last);
    CHECK(shell_status(reason) == 125);
    CHECK_FALSE(is_normal(reason));
    CHECK(name_of(reason.kind) == "gave_up");
  }
}
