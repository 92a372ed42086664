// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `stats`, `top` and `set` for many containers.

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

double number(const std::string& cell) {
  return std::stod(cell);
}

} // namespace

TEST_CASE("console: stats goes on, a reading for each period",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox"});
  following all{daemon, {"--json", "stats", "web", "-f", "-d", "200ms"}};
  auto taken = [&] {
    return json::parse(next_line(all.out.read.get()))["taken_ms"].get<double>();
  };
  taken(); // at once
  auto last = taken();
  for (auto i = 0; i < 3; ++i) {
    auto now = taken();
    // Each at the begin of a period, or later on a busy machine.
    CHECK(std::fmod(now, 200) < 195);
    CHECK(now - last > 5);
    last = now;
  }
  told(daemon, {"rm", "-f", "web"});
  CHECK(all.console.finish() == 125);
}

TEST_CASE("console: stats tells what a container has used",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--memory", "64M"});
  // 20 MiB of tmpfs, and a second of one processor.
  CHECK(daemon
            .shell("web", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20; "
                          "timeout 1 sh -c 'while :; do :; done'")
            .err.find("20+0 records out")
        != std::string::npos);
  auto pid = daemon.run("web", daemon_process::sleeper("peer")).pid;
  auto stats = json::parse(told(daemon, {"--json", "stats", "web"}));
  CHECK(stats["name"] == "web");
  const auto& memory = stats["memory"];
  constexpr auto mib = 1 << 20;
  CHECK(memory["limit"] == 64 * mib);
  CHECK(memory["current"] >= 20 * mib);
  CHECK(memory["shmem"] >= 20 * mib);
  CHECK(memory["file"] >= 20 * mib);
  CHECK(memory["peak"] >= memory["current"]);
  CHECK(memory["peak"] <= memory_peak(pid));
  CHECK(memory["oom_kills"] == 0);
  CHECK(memory["faults"] > 0);
  CHECK(stats["cpu"]["usage_ms"] >= 100); // of a second, on a busy machine
  CHECK(std::llround(stats["cpu"]["usage_ms"].get<double>() * 1e6)
        <= static_cast<long long>(processor_time(pid)));
  CHECK(stats["pids"]["current"] == tasks_now(pid));
  REQUIRE(stats["processes"].size() == 1);
  CHECK(stats["processes"][0]["process"] == "peer");
  CHECK(stats["processes"][0]["pid"] == pid);
  CHECK(stats["processes"][0]["resident"] > 0);
  auto text = told(daemon, {"stats", "web"});
  CHECK_THAT(text, ContainsSubstring("of 64 MiB, peak "));
  CHECK_THAT(text,
             ContainsSubstring("process     peer pid " + std::to_string(pid)));
  told(daemon, {"stop", "web", "--timeout", "0s"});
  auto refused = run_console(at(daemon, {"stats", "web"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("has no cgroup now"));
}

TEST_CASE("console: top shows who uses most, round after round",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  for (const auto* name : {"idle", "busy"})
    told(daemon, {"create", name, "--image", "busybox", "--cpus", "0.5"});
  told(daemon, {"run", "busy", "-d", "--process", "loop", "--", "sh", "-c",
                "while :; do :; done"});
  auto lines = lines_of(told(daemon, {"top", "-n", "2", "-d", "1s"}));
  REQUIRE(lines.size() == 8);
  CHECK(cells_of(lines[0]).at(1) == "CPU %");
  CHECK(lines[3].empty());
  for (auto row : {5, 6})
    CHECK(cells_of(lines[static_cast<std::size_t>(row)]).size() == 9);
  CHECK(cells_of(lines[5])[0] == "busy");
  // Of a second, on a machine that may be slow: not what the other one takes.
  CHECK(number(cells_of(lines[5])[1]) > 20);
  CHECK(number(cells_of(lines[5])[1]) < 80); // it may have half
  CHECK(number(cells_of(lines[5])[2]) > 0);  // throttled
  CHECK(number(cells_of(lines[6])[1]) < 10);
  // What is down uses nothing, and is not shown.
  told(daemon, {"stop", "idle", "--timeout", "0s"});
  auto one = json::parse(told(daemon, {"--json", "top", "-n", "1"}));
  REQUIRE(one.size() == 1);
  CHECK(one[0]["name"] == "busy");
  CHECK(json::parse(told(daemon, {"--json", "top", "-n", "1", "i*"})).empty());
  auto refused = run_console(at(daemon, {"top", "--sort", "size"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("one of cpu, memory, tasks"));
}

TEST_CASE("console: top at a terminal obeys keys",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  for (const auto* name : {"aaa", "bbb"})
    told(daemon, {"create", name, "--image", "busybox"});
  console_at_terminal top{at(daemon, {"top", "-d", "1h"})};
  top.expect("2 containers, by cpu");
  top.expect("aaa");
  top.type("m");
  top.expect("by memory");
  top.type("n");
  top.expect("by name");
  top.type("h");
  top.expect("q: quit");
  CHECK(top.takes_keys());
  top.type("q");
  CHECK(top.process().finish() == 0);
  CHECK_FALSE(top.takes_keys());
  console_at_terminal other{at(daemon, {"top", "-d", "1h"})};
  other.expect("2 containers");
  other.type("\003");
  CHECK(other.process().finish() == 0);
  CHECK_FALSE(other.takes_keys());
}

TEST_CASE("console: set changes all that match, and says who refused",
          "[console][kernel][tables]") {
  if (!is_root())
    return;
  daemon_process daemon;
  for (const auto* name : {"web.a", "web.b", "db"})
    told(daemon, {"create", name, "--image", "busybox", "--prop", "tier=x"});
  std::vector<pid_t> pids;
  for (const auto* name : {"web.a", "web.b", "db"})
    pids.push_back(daemon.run(name, daemon_process::sleeper("p")).pid);
  CHECK(
      told(daemon, {"set", "web.*", "pids.limit=50", "cpu.limit=0.5"}).empty());
  CHECK(kernel_limit(pids[0], "pids.limit") == 50);
  CHECK(kernel_limit(pids[1], "cpu.limit") == 500);
  CHECK(kernel_limit(pids[2], "pids.limit") == 2048);
  told(daemon, {"set", "*", "--prop", "tier=x", "pids.limit=60"});
  for (auto pid : pids)
    CHECK(kernel_limit(pid, "pids.limit") == 60);

  // One has more in use than there is to be.
  CHECK(daemon.shell("web.a", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20")
            .reason
        == reeve::supervisor::exit_reason::exited(0));
  auto done = run_console(at(daemon, {"set", "web.*", "memory.limit=8M"}));
  CHECK(done.status == 125);
  CHECK(done.out.empty());
  CHECK_THAT(done.err, ContainsSubstring("container 'web.a'"));
  CHECK_THAT(done.err, ContainsSubstring("in use: "));
  CHECK_THAT(done.err, !ContainsSubstring("web.b"));
  CHECK(kernel_limit(pids[1], "memory.limit") == 8 << 20);
  auto json_of = json::parse(
      run_console(at(daemon, {"--json", "set", "web.*", "memory.limit=8M"}))
          .out);
  REQUIRE(json_of.size() == 2);
  CHECK(json_of[0]["container"] == "web.a");
  CHECK(json_of[0]["error"].is_string());
  CHECK(json_of[1]["error"].is_null());

  auto none = run_console(at(daemon, {"set", "x*", "pids.limit=5"}));
  CHECK(none.status == 125);
  CHECK_THAT(none.err, ContainsSubstring("there is no container that \"x*\""));
}
