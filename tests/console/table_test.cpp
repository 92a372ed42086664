// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/table.hpp"

#include "console/tree.hpp"
#include "tests/support/catch.hpp"

using namespace reeve;
using namespace reeve::console;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("columns are as wide as their widest cell, counted in code points",
          "[console][unit]") {
  auto rows = table{{"NAME", "STATE"}};
  rows.add({{"a-long-name"}, {"running", paint::good}});
  rows.add({{"\u00e4\u00f6"}, {""}});
  CHECK(rows.text({})
        == "NAME         STATE\n"
           "a-long-name  running\n"
           "\u00e4\u00f6           -\n");
}

TEST_CASE("colours appear only where they are wanted", "[console][unit]") {
  auto rows = table{{"S"}};
  rows.add({{"failed", paint_of_phase("failed")}});
  CHECK_THAT(rows.text({true, true}),
             ContainsSubstring("\x1b[31mfailed\x1b[0m"));
  CHECK_THAT(rows.text({true, false}), !ContainsSubstring("\x1b"));
}

TEST_CASE("text from elsewhere cannot speak to the terminal",
          "[console][unit]") {
  CHECK(printable("a\x1b[31m\n") == "a\\x1b[31m\\x0a");
  CHECK(printable("\u00fc") == "\u00fc");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable("\xff") == "\\xff");
}

TEST_CASE("the tree shows holder, cgroup and processes with their restarts",
          "[console][unit]") {
  auto details = supervisor::container_details{};
  details.info.container = "web";
  details.info.phase = supervisor::container_phase::running;
  details.info.pid = 70;
  details.cgroup = "c1";
  auto process = supervisor::process_info{};
  process.process = "svc";
  process.phase = supervisor::process_phase::backing_off;
  process.restart = config::restart_type::permanent;
  process.restarts = 4;
  process.restarts_in_window = 2;
  process.since_ms = 1'000;
  process.next_restart_ms = 64'000;
  process.has_ended = true;
  process.last = supervisor::exit_reason::exited(1);
  details.processes.push_back(process);
  auto tree = supervision_tree{};
  tree.daemon.version = "1";
  tree.daemon.pid = 5;
  tree.containers = {details, details};
  CHECK(drawn(tree, 61'000, {})
        == "reeved 1  pid 5\n"
           "├─ web  running\n"
           "│  ├─ PID 1 (holder)  pid 70\n"
           "│  ├─ cgroup  c1\n"
           "│  └─ svc  backing_off  for 1 min  permanent  4 restarts (2 in the "
           "window)  next in 3 s  exited 1\n"
           "└─ web  running\n"
           "   ├─ PID 1 (holder)  pid 70\n"
           "   ├─ cgroup  c1\n"
           "   └─ svc  backing_off  for 1 min  permanent  4 restarts (2 in the "
           "window)  next in 3 s  exited 1\n");
}
