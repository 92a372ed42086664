// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/skip.hpp"

#include <unistd.h>

#include <csignal>

using namespace reeve::tests;

namespace {

constexpr auto ctrl_c = "\x03";
constexpr auto ctrl_d = "\x04";
constexpr auto ctrl_z = "\x1a";
constexpr auto detach = "\x10\x11";

/// A shell whose prompt is "at N> ", N the status of the last command.
words prompting_shell(const daemon_process& daemon) {
  return at(daemon, {"run", "web", "-it", "--process", "sh", "--env",
                     "PS1=at $?> ", "--", "sh"});
}

} // namespace

TEST_CASE("console: an interactive shell has a terminal that follows ours",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  console_at_terminal screen{prompting_shell(daemon)};
  screen.expect("at 0> ");
  CHECK(screen.is_raw());
  screen.type("tty; stty size\r");
  screen.expect("/dev/");
  screen.expect("24 80\r\n");
  screen.expect("at 0> ");
  screen.resize(43, 132);
  // The size travels beside the keys, so it is asked for until it is there.
  screen.type("until stty size | grep 43; do :; done\r");
  screen.expect("43 132\r\n");
  screen.expect("at 0> ");
  screen.type("exit 9\r");
  CHECK(screen.process().finish() == 9);
  CHECK_FALSE(screen.is_raw());
}

TEST_CASE("console: keys are the program's: interrupt, end of file, stop",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  console_at_terminal screen{prompting_shell(daemon)};
  screen.expect("at 0> ");
  // What it says first, it says as a job of its own.
  screen.type("sh -c 'echo now; exec sleep 1000'\r");
  screen.expect("now\r\n");
  screen.type(ctrl_c);
  screen.expect("at 130> ");
  screen.type("echo then; cat\r");
  screen.expect("then\r\n");
  screen.type(std::string{"typed\r"} + ctrl_d);
  screen.expect("typed\r\ntyped\r\n");
  screen.expect("at 0> ");
  // Job control: the shell is the leader of the session, its jobs are groups.
  screen.type("sh -c 'echo go; exec sleep 1000'\r");
  screen.expect("go\r\n");
  screen.type(ctrl_z);
  screen.expect("Stopped");
  screen.expect("> ");
  screen.type("jobs\r");
  screen.expect("Stopped");
  screen.expect("at 0> ");
  screen.type("kill %1; fg %1\r");
  screen.expect("> ");
  screen.type("exit 0\r");
  screen.type(ctrl_d);
  CHECK(screen.process().finish() == 0);
  CHECK_FALSE(screen.is_raw());
}

TEST_CASE("console: ctrl-p ctrl-q leaves a program running, attach comes back",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  {
    console_at_terminal screen{prompting_shell(daemon)};
    screen.expect("at 0> ");
    screen.type("kept=treasure\r");
    screen.expect("at 0> ");
    screen.type(detach);
    screen.expect("goes on");
    CHECK(screen.process().finish() == 0);
    CHECK_FALSE(screen.is_raw());
  }
  console_at_terminal screen{at(daemon, {"attach", "web", "sh"})};
  // It answers keys that come after the attaching.
  screen.type("\r");
  screen.expect("at 0> ");
  screen.type("echo my $kept\r");
  screen.expect("my treasure\r\n");
  screen.type("exit 4\r");
  CHECK(screen.process().finish() == 4);
}

TEST_CASE("console: a terminal is restored when the console is told to go",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  console_at_terminal screen{prompting_shell(daemon)};
  screen.expect("at 0> ");
  CHECK(screen.is_raw());
  screen.process().signal(SIGTERM);
  CHECK(screen.process().finish() == 128 + SIGTERM);
  CHECK_FALSE(screen.is_raw());
  CHECK(daemon.process_of("web", "sh").phase
        == reeve::supervisor::process_phase::running);
}

TEST_CASE("console: without -i, ctrl-C at our terminal reaches the program",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  console_at_terminal screen{
      at(daemon, {"run", "web", "-t", "--", "sh", "-c",
                  "trap 'exit 6' INT; echo ready; while :; do sleep 0.02; "
                  "done"})};
  screen.expect("ready");
  CHECK_FALSE(screen.is_raw());
  screen.type(ctrl_c);
  CHECK(screen.process().finish() == 6);
}

TEST_CASE("console: a change of our terminal's size reaches the program as "
          "SIGWINCH",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  for (const auto* how : {"-t", "-it"}) {
    console_at_terminal screen{
        at(daemon, {"run", "web", how, "--", "sh", "-c",
                    "trap 'stty size' WINCH; trap 'exit 6' INT; echo ready; "
                    "while :; do sleep 0.02; done"})};
    screen.expect("ready");
    screen.resize(50, 100);
    // Without -i our terminal adds a carriage return of its own.
    screen.expect("50 100\r");
    screen.resize(24, 80);
    screen.expect("24 80\r");
    screen.type(ctrl_c);
    CHECK(screen.process().finish() == 6);
  }
}

TEST_CASE("console: an interactive shell works under script(1)",
          "[console][kernel]") {
  if (!is_root())
    return;
  if (::access("/usr/bin/script", X_OK) != 0)
    return skip("script(1) is not installed");
  daemon_process daemon;
  daemon.create("web");
  // It has a terminal of its own for what it runs, between ours and that of
  // the program, and hands on what changes.
  console_at_terminal screen{{"/usr/bin/script", "-qec",
                              REEVE_TEST_CONSOLE " --root " + daemon.root()
                                  + " run web -it --env 'PS1=at $?> ' -- sh",
                              "/dev/null"}};
  screen.expect("at 0> ");
  screen.type("stty size; tty\r");
  screen.expect("24 80\r\n");
  screen.expect("/dev/");
  screen.expect("at 0> ");
  screen.resize(43, 132);
  screen.type("until stty size | grep 43; do :; done\r");
  screen.expect("43 132\r\n");
  screen.expect("at 0> ");
  screen.type("sh -c 'echo now; exec sleep 1000'\r");
  screen.expect("now\r\n");
  screen.type(ctrl_c);
  screen.expect("at 130> ");
  screen.type("echo then; cat\r");
  screen.expect("then\r\n");
  screen.type(std::string{"typed\r"} + ctrl_d);
  screen.expect("typed\r\ntyped\r\n");
  screen.expect("at 0> ");
  screen.type("exit 9\r");
  CHECK(screen.process().finish() == 9);
}
