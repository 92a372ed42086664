// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Pauses that last as long as somebody is there.

#include "supervisor/lease.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/skip.hpp"

#include <chrono>
#include <csignal>

using namespace reeve::tests;
using namespace reeve::supervisor;
using Catch::Matchers::ContainsSubstring;

namespace {

struct paused_fixture {
  paused_fixture() {
    told(daemon, {"create", "web", "--image", "busybox"});
    pid = daemon.run("web", daemon_process::sleeper("main")).pid;
  }

  void expect_frozen(bool is) const {
    eventually(is ? "it is frozen" : "it goes on",
               [&] { return is_frozen(pid) == is; });
  }

  daemon_process daemon;
  std::int32_t pid = 0;
};

} // namespace

TEST_CASE("console: a container is paused while a command runs",
          "[console][kernel][pause]") {
  if (!is_root())
    return;
  paused_fixture with;
  auto& daemon = with.daemon;
  {
    following uut{
        daemon,
        {"pause", "web", "--", "sh", "-c", "echo begun; read x; exit 7"}};
    // It has no input: it is over at once.
    CHECK(next_line(uut.out.read.get()) == "begun");
    CHECK(uut.console.finish() == 7);
  }
  CHECK(!is_frozen(with.pid));
  following uut{daemon, {"pause", "web", "--", "sleep", "9999"}};
  with.expect_frozen(true);
  uut.console.signal(SIGTERM);
  CHECK(uut.console.finish() == 128 + SIGTERM);
  CHECK(!is_frozen(with.pid));
  auto missing = run_console(at(daemon, {"pause", "web", "--", "/no/such"}));
  CHECK(missing.status == 127);
  CHECK_THAT(missing.err, ContainsSubstring("/no/such"));
  CHECK(!is_frozen(with.pid));
  CHECK(daemon.phase_of("web") == container_phase::running);
}

TEST_CASE("console: a pause goes with who holds it, however he goes",
          "[console][kernel][pause]") {
  if (!is_root())
    return;
  paused_fixture with;
  following uut{with.daemon, {"pause", "web", "--for", "1h"}};
  with.expect_frozen(true);
  auto begin = std::chrono::steady_clock::now();
  uut.console.signal(SIGKILL);
  (void)uut.console.finish();
  with.expect_frozen(false);
  // By the loss of the connection, and not because nobody came.
  CHECK(std::chrono::steady_clock::now() - begin < lease::term / 2);
}

TEST_CASE("console: a pause for a time, and one that somebody ends",
          "[console][kernel][pause]") {
  if (!is_root())
    return;
  paused_fixture with;
  auto& daemon = with.daemon;
  auto begin = std::chrono::steady_clock::now();
  told(daemon, {"pause", "web", "--for", "300ms"});
  CHECK(std::chrono::steady_clock::now() - begin
        >= std::chrono::milliseconds{300});
  CHECK(!is_frozen(with.pid));
  following uut{daemon, {"pause", "web", "--for", "1h"}};
  with.expect_frozen(true);
  told(daemon, {"resume", "web"});
  CHECK(!is_frozen(with.pid));
  // It is told when it says that it is still there.
  CHECK(uut.console.finish() == 125);
  CHECK_THAT(next_line(uut.err.read.get()),
             ContainsSubstring("the pause was ended"));
  CHECK(!is_frozen(with.pid));
  // Paused for good, it stays so when a holder goes.
  told(daemon, {"pause", "web"});
  told(daemon, {"pause", "web", "--for", "100ms"});
  CHECK(is_frozen(with.pid));
  told(daemon, {"resume", "web"});
  CHECK(!is_frozen(with.pid));
}
