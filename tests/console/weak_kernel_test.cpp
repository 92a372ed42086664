// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Containers that go with the client that holds them.

#include "supervisor/lease.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <chrono>
#include <csignal>
#include <thread>

using namespace reeve::tests;
using namespace reeve::supervisor;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A console that holds the container `web`, in which something runs.
struct weak_fixture {
  weak_fixture() {
    REQUIRE(next_line(uut.out.read.get()) == "web");
    main = daemon.run("web", daemon_process::sleeper("main"));
  }

  daemon_process daemon;
  following uut{daemon, {"create", "--image", "busybox", "--weak", "web"}};
  process_started main;
};

void expect_gone(daemon_process& daemon, std::int32_t pid) {
  eventually("the container is gone",
             [&] { return daemon.container_names().empty(); });
  CHECK_FALSE(is_alive(pid));
}

} // namespace

TEST_CASE("console: a weak container goes with who made it, however he goes",
          "[console][kernel][weak]") {
  if (!is_root())
    return;
  auto signo = GENERATE(SIGINT, SIGKILL);
  weak_fixture with;
  auto& [daemon, uut, main] = with;
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  CHECK(is_alive(main.pid));
  uut.console.signal(signo);
  (void)uut.console.finish();
  auto begin = std::chrono::steady_clock::now();
  expect_gone(daemon, main.pid);
  // By the loss of the connection, and not because nobody came.
  CHECK(std::chrono::steady_clock::now() - begin < lease::term / 2);
}

TEST_CASE("console: what a weak container runs goes on while it is held, over "
          "daemons, too",
          "[console][kernel][weak]") {
  if (!is_root())
    return;
  weak_fixture with;
  auto& [daemon, uut, main] = with;
  daemon.kill();
  daemon.start();
  // Beyond the time that nobody's coming would have left it.
  std::this_thread::sleep_for(lease::term + std::chrono::seconds{3});
  CHECK(is_alive(main.pid));
  CHECK(daemon.process_of("web", "main").phase == process_phase::running);
  uut.console.signal(SIGTERM);
  CHECK(uut.console.finish() == 128 + SIGTERM);
  expect_gone(daemon, main.pid);
}

TEST_CASE(
    "console: a weak container whose holder was lost with the daemon goes",
    "[console][kernel][weak]") {
  if (!is_root())
    return;
  weak_fixture with;
  auto& [daemon, uut, main] = with;
  daemon.create("kept"); // and no other
  daemon.kill();
  uut.console.signal(SIGKILL);
  (void)uut.console.finish();
  daemon.start();
  // Nothing but time tells that nobody comes.
  std::this_thread::sleep_for(lease::term);
  eventually("it is gone", [&] {
    return daemon.container_names() == std::vector<std::string>{"kept"};
  });
  CHECK_FALSE(is_alive(main.pid));
}

TEST_CASE("console: a weak one-shot container goes with its console",
          "[console][kernel][weak]") {
  if (!is_root())
    return;
  daemon_process daemon;
  following uut{daemon,
                {"run", "--image", "busybox", "--weak", "--", "sh", "-c",
                 "echo up; exec sleep 1000"}};
  CHECK(next_line(uut.out.read.get()) == "up");
  auto names = daemon.container_names();
  REQUIRE(names.size() == 1);
  auto pid = daemon.details_of(names[0]).processes.at(0).pid;
  uut.console.signal(SIGKILL);
  (void)uut.console.finish();
  expect_gone(daemon, pid);

  auto refused = run_console(reeve::tests::at(
      daemon, {"run", "-d", "--image", "busybox", "--weak", "--", "true"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err,
             ContainsSubstring("a weak container ends with this command"));
}

TEST_CASE("console: a weak container that somebody removes lets its holder go",
          "[console][kernel][weak]") {
  if (!is_root())
    return;
  weak_fixture with;
  auto& [daemon, uut, main] = with;
  daemon.destroy("web");
  CHECK(uut.console.finish() == 0);
}

TEST_CASE("weak: only such a container is held, and by numbers that are some",
          "[console][kernel][weak]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("kept");
  auto spec = daemon_process::spec("web");
  spec.weak = true;
  daemon.create(spec);
  CHECK_THAT(daemon.refusal<container_is>(hold_container{"kept", 1}),
             ContainsSubstring("it is not `weak`"));
  CHECK_THAT(daemon.refusal<container_is>(release_container{"kept", 1}),
             ContainsSubstring("it is not `weak`"));
  CHECK_THAT(daemon.refusal<container_is>(hold_container{"web", 0}),
             ContainsSubstring("0 is no number"));
  CHECK_THAT(daemon.refusal<container_is>(hold_container{"none", 1}),
             ContainsSubstring("no container"));
  // Who lets go without having held changes nothing.
  daemon.ask<container_is>(release_container{"web", 5});
  CHECK(daemon.container_names().size() == 2);
}
