// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/console/console_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <set>
#include <sstream>

using namespace reeve::tests;
using nlohmann::json;

namespace {

/// The answer of a command with `--json`: one line.
json ask_json(const daemon_process& daemon, words line) {
  line.push_back("--json");
  auto got = run_console(at(daemon, line));
  INFO(line.front() << ": " << got.err);
  CHECK(got.status == 0);
  CHECK(got.err.empty());
  auto out = json::parse(got.out, nullptr, false);
  CHECK_FALSE(out.is_discarded());
  CHECK(std::count(got.out.begin(), got.out.end(), '\n') == 1);
  return out;
}

} // namespace

TEST_CASE("console: every command answers with --json in one line",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  auto ask = [&](words line) { return ask_json(daemon, std::move(line)); };
  CHECK(ask({"create", "web", "--image", "busybox", "--prop", "a=b"})["name"]
        == "web");
  auto started = json::parse(
      run_console(at(daemon, {"--json", "run", "web", "-d", "--process", "p",
                              "--", "sleep", "1000"}))
          .out,
      nullptr, false);
  CHECK(started["process"] == "p");
  CHECK(started["pid"] > 0);
  CHECK(ask({"ls"}).at(0)["properties"] == json{{"a", "b"}});
  CHECK(ask({"ls", "nothing*"}) == json::array());
  CHECK(ask({"ps", "web"}).at(0)["state"] == "running");
  CHECK(ask({"tree"})["containers"].at(0)["name"] == "web");
  CHECK(ask({"info", "web"})["processes"].at(0)["process"] == "p");
  CHECK(ask({"image", "ls"}).at(0)["image"] == "busybox");
  CHECK(ask({"daemon", "info"})["containers"] == 1);
  const auto limits = ask({"get", "web"});
  CHECK(limits.size() >= 7); // more where the kernel has more
  CHECK(limits.size() <= reeve::config::limit_names().size());
  CHECK(ask({"get", "web", "pids.limit"}).at(0)["key"] == "pids.limit");
  CHECK(ask({"set", "web", "pids.limit=50"}).at(0)["key"] == "pids.limit");
  CHECK(ask({"get", "web", "pids.limit"}).at(0)["value"] == "50");
  CHECK(ask({"pause", "web"})["state"] == "paused");
  CHECK(ask({"resume", "web"})["state"] == "running");
  CHECK(ask({"restart", "web", "p", "--timeout", "0s"})["process"] == "p");
  CHECK(ask({"signal", "web", "p", "KILL"})["process"] == "p");
  auto ended = ask({"wait", "web", "p"});
  CHECK(ended["exit"]["signal"] == "SIGKILL");
  CHECK(ended["exit"]["status"] == 137);
  CHECK(ask({"start", "web", "p"})["process"] == "p");
  CHECK(ask({"stop", "web", "p", "--timeout", "0s"})["state"] == "exited");
  CHECK(ask({"rm", "web", "p"})["process"] == "p");
  CHECK(ask({"stop", "web"})["state"] == "stopped");
  CHECK(ask({"start", "web"})["state"] == "running");
  CHECK(ask({"rm", "web", "-f"})["state"] == "destroyed");
  auto events = run_console(at(daemon, {"events", "--json"}));
  CHECK(events.status == 0);
  auto lines = std::istringstream{events.out};
  auto line = std::string{};
  auto kinds = std::set<std::string>{};
  while (std::getline(lines, line)) {
    auto parsed = json::parse(line, nullptr, false);
    REQUIRE_FALSE(parsed.is_discarded());
    kinds.insert(parsed["event"].get<std::string>());
  }
  for (const auto* kind :
       {"daemon_started", "container_created", "container_resumed",
        "process_started", "process_exited", "container_destroyed"})
    CHECK(kinds.count(kind) == 1);
}

TEST_CASE("console: real-time signals have names", "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", daemon_process::sleeper("p"));
  auto number = std::to_string(SIGRTMIN + 3);
  ask_json(daemon, {"signal", "web", "p", number});
  auto ended = ask_json(daemon, {"wait", "web", "p"});
  CHECK(ended["exit"]["signal"] == "SIGRTMIN+3");
}

TEST_CASE("console: a user that is not admitted is refused",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto as_nobody = [&](words line) {
    line = at(daemon, std::move(line));
    line.insert(line.begin(),
                {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
                 "--clear-groups", REEVE_TEST_CONSOLE});
    return run_console(line);
  };
  for (const auto& line : {words{"ls"},
                           {"run", "web", "--", "id"},
                           {"rm", "-f", "web"},
                           {"run", "--image", "busybox", "--", "id"}}) {
    auto got = as_nobody(line);
    INFO(line.front() << ": " << got.err);
    CHECK(got.status == 125);
    CHECK(got.out.empty());
    CHECK_THAT(got.err, Catch::Matchers::ContainsSubstring("only root"));
  }
  CHECK(daemon.container_names() == std::vector<std::string>{"web"});
}
