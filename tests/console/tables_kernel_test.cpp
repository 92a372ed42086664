// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Listings for people: what is chosen, and that each cell is what the kernel
// or the daemon has.

#include "supervisor/version.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <csignal>
#include <sstream>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

/// Two containers of one group, and one beside it.
void create_three(const daemon_process& daemon) {
  told(daemon, {"create", "shop.front", "--image", "busybox", "--prop",
                "tier=web", "--prop", "owner=anna"});
  told(daemon, {"create", "shop.back", "--image", "busybox", "--prop",
                "tier=data", "--prop", "owner=anna"});
  told(daemon, {"create", "mail", "--image", "busybox"});
}

std::string number(long n) {
  return std::to_string(n);
}

/// "now", "3 s ago".
bool is_recent(const std::string& cell) {
  return cell == "now" || cell.ends_with(" s ago") || cell.ends_with(" s");
}

} // namespace

TEST_CASE("console: ls lists the containers that match the pattern",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  create_three(daemon);
  auto names = [&](words line) {
    line.insert(line.begin(), {"-q", "ls"});
    return lines_of(told(daemon, line));
  };
  CHECK(names({}) == words{"mail", "shop.back", "shop.front"});
  CHECK(names({"*"}) == words{"mail", "shop.back", "shop.front"});
  CHECK(names({"mail"}) == words{"mail"});
  CHECK(names({"shop.*"}) == words{"shop.back", "shop.front"});
  CHECK(names({"*a*"}) == words{"mail", "shop.back"});
  CHECK(names({"*front"}) == words{"shop.front"});
  CHECK(names({"shop"}).empty());
  CHECK(names({"SHOP/*"}).empty());
}

TEST_CASE("console: ls lists the containers that have all the properties",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  create_three(daemon);
  auto names = [&](words line) {
    line.insert(line.begin(), {"-q", "ls"});
    return lines_of(told(daemon, line));
  };
  CHECK(names({"--prop", "tier=web"}) == words{"shop.front"});
  CHECK(names({"--prop", "owner=anna"}) == words{"shop.back", "shop.front"});
  CHECK(names({"--prop", "owner=anna", "--prop", "tier=data"})
        == words{"shop.back"});
  CHECK(names({"*front", "--prop", "owner=anna"}) == words{"shop.front"});
  CHECK(names({"--prop", "owner=anna", "*front"}) == words{"shop.front"});
  CHECK(names({"mail", "--prop", "owner=anna"}).empty());
  CHECK(names({"--prop", "tier=w"}).empty());
  CHECK(names({"--prop", "tier="}).empty());
}

TEST_CASE("console: ls shows a table of containers, aligned",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  create_three(daemon);
  daemon.run("mail", daemon_process::sleeper("p"));
  told(daemon, {"stop", "shop.back"});
  const auto table = lines_of(told(daemon, {"ls"}));
  REQUIRE(table.size() == 4);
  CHECK(cells_of(table[0])
        == words{"NAME", "STATE", "IMAGE", "PROCESSES", "CREATED"});
  auto expect = [&](std::size_t i, const words& cells) {
    auto got = cells_of(table[i]);
    REQUIRE(got.size() == 5);
    CHECK(is_recent(got.back()));
    got.pop_back();
    CHECK(got == cells);
  };
  expect(1, {"mail", "running", "busybox", "1"});
  expect(2, {"shop.back", "stopped", "busybox", "0"});
  expect(3, {"shop.front", "running", "busybox", "0"});
  for (const auto* title : {"STATE", "IMAGE", "PROCESSES", "CREATED"}) {
    auto column = table[0].find(title);
    for (std::size_t i = 1; i < 4; ++i) {
      CHECK(table[i][column - 1] == ' ');
      CHECK(table[i][column] != ' ');
    }
  }
  // Nothing for terminals where there is none.
  CHECK(told(daemon, {"ls"}).find('\x1b') == std::string::npos);
}

TEST_CASE("console: at a terminal, states have colours",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  console_at_terminal screen{at(daemon, {"ls"})};
  screen.expect("web");
  screen.expect("\x1b[32mrunning\x1b[0m");
  screen.expect("busybox");
  CHECK(screen.process().finish() == 0);
}

TEST_CASE("console: ps shows live processes, and with -a those that ended",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto live = daemon.run("web", daemon_process::sleeper("a"));
  auto killed = daemon.run("web", daemon_process::sleeper("b")).pid;
  REQUIRE(::kill(killed, SIGKILL) == 0);
  daemon.wait("web", "b");
  daemon.run("web", daemon_process::process("c", {"sh", "-c", "exit 3"}));
  daemon.wait("web", "c");
  CHECK(told(daemon, {"-q", "ps", "web"}) == "a\n");
  CHECK(told(daemon, {"-q", "ps", "-a", "web"}) == "a\nb\nc\n");
  const auto table = lines_of(told(daemon, {"ps", "web", "--all"}));
  REQUIRE(table.size() == 4);
  auto row = [&](std::size_t i) {
    auto cells = cells_of(table[i]);
    REQUIRE(cells.size() == 8);
    CHECK(is_recent(cells[6]));
    cells.erase(cells.begin() + 6);
    return cells;
  };
  CHECK(row(1)
        == words{"a", number(live.pid), number(live.ns_pid), "running",
                 "temporary", "0", "-"});
  CHECK(
      row(2)
      == words{"b", "-", "-", "exited", "temporary", "0", "killed by SIGKILL"});
  CHECK(row(3).back() == "exited 3");
}

TEST_CASE("console: tree shows daemon, containers, PID 1 and processes as the "
          "kernel has them",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  create_three(daemon);
  auto pid = daemon.run("mail", daemon_process::sleeper("p")).pid;
  const auto lines = lines_of(told(daemon, {"tree"}));
  REQUIRE(lines.size() == 11);
  CHECK(lines[0]
        == "reeved " + std::string{reeve::supervisor::version} + "  pid "
               + number(daemon.pid()));
  CHECK(lines[1] == "├─ mail  running  busybox");
  // PID 1 is the parent of what runs.
  CHECK(lines[2] == "│  ├─ PID 1 (holder)  pid " + number(parent_of(pid)));
  auto id = daemon.details_of("mail").info.id;
  CHECK_THAT(lines[3], StartsWith("│  ├─ cgroup  "));
  CHECK_THAT(lines[3], ContainsSubstring(id));
  CHECK_THAT(lines[4],
             StartsWith("│  └─ p  running  pid " + number(pid) + "  for "));
  CHECK_THAT(lines[4], ContainsSubstring("  temporary"));
  CHECK(lines[5] == "├─ shop.back  running  busybox");
  CHECK(lines[8] == "└─ shop.front  running  busybox");
  CHECK_THAT(lines[9], StartsWith("   ├─ PID 1 (holder)  pid "));
  CHECK_THAT(lines[10], StartsWith("   └─ cgroup  "));
  // One of them.
  const auto one = lines_of(told(daemon, {"tree", "mail"}));
  REQUIRE(one.size() == 5);
  CHECK(one[1] == "└─ mail  running  busybox");
}

TEST_CASE("console: info tells all about a container",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--prop", "a=b",
                "--pids", "55", "--memory", "32M"});
  auto pid = daemon.run("web", daemon_process::sleeper("p")).pid;
  const auto text = told(daemon, {"info", "web"});
  INFO(text);
  auto value = [&](const std::string& title) {
    for (const auto& line : lines_of(text))
      if (line.starts_with(title + " "))
        return line.substr(line.find_first_not_of(' ', title.size()));
    return std::string{};
  };
  CHECK(value("name") == "web");
  CHECK(value("state") == "running");
  CHECK(value("image") == "busybox");
  CHECK(value("pid 1") == number(parent_of(pid)));
  CHECK(value("property") == "a=b");
  CHECK(value("process") == "p running pid " + number(pid));
  // First id inside, first id outside, how many.
  auto map = std::istringstream{read_file("/proc/" + number(pid) + "/uid_map")};
  std::string first;
  std::string base;
  map >> first >> base;
  CHECK(base == value("uid base"));
  auto found = false;
  for (const auto& group : groups_of(value("id")))
    found = found || group.find(value("cgroup")) != std::string::npos;
  CHECK(found);
  for (const auto* limit :
       {"memory.limit=32M", "pids.limit=55", "cpu.limit=max"})
    CHECK_THAT(text, ContainsSubstring(std::string{"limit"} + "       " + limit
                                       + "\n"));
}

TEST_CASE("console: get shows a table of limits, or those asked for",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--memory", "48M",
                "--cpus", "1.5"});
  const auto source = daemon.details_of("web").cgroup;
  const auto table = lines_of(told(daemon, {"get", "web"}));
  CHECK(cells_of(table.at(0)) == words{"KEY", "VALUE", "SOURCE"});
  auto row = [&](const std::string& key) {
    for (const auto& line : table)
      if (line.starts_with(key + " "))
        return cells_of(line);
    return words{};
  };
  for (auto [key, value] :
       {std::pair{"memory.limit", "48 MiB"}, std::pair{"cpu.limit", "1.5"},
        std::pair{"cpu.burst", "0"}, std::pair{"cpu.weight", "100"},
        std::pair{"cpu.idle", "false"}, std::pair{"cpuset.cpus", "max"},
        std::pair{"cpuset.mems", "max"}, std::pair{"pids.limit", "2048"},
        std::pair{"io.write_bps", "max"}})
    CHECK(row(key) == words{key, value, source});
  const auto two =
      lines_of(told(daemon, {"get", "web", "pids.limit", "cpu.limit"}));
  REQUIRE(two.size() == 3);
  CHECK(cells_of(two[1]).front() == "cpu.limit");
  CHECK(cells_of(two[2]).front() == "pids.limit");
}
