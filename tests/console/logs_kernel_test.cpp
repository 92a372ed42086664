// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `logs` and `events`: what was, and with -f what comes.

#include "config/times.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/version.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <thread>

using namespace reeve::tests;
using Catch::Matchers::EndsWith;
using nlohmann::json;

namespace {

/// A shell that takes orders from its standard input.
reeve::config::process_spec obedient_shell(const std::string& id,
                                           const std::string& script) {
  auto out = daemon_process::process(id, {"sh", "-c", script});
  out.stdin_open = true;
  return out;
}

void type(daemon_process& daemon, const std::string& process,
          const std::string& text) {
  daemon.ask<reeve::supervisor::process_is>(
      reeve::supervisor::write_input{"web", process, text, false});
}

/// Takes lines until one has the text; returns it.
std::string line_with(int fd, const std::string& text) {
  auto line = next_line(fd);
  while (line.find(text) == std::string::npos)
    line = next_line(fd);
  return line;
}

} // namespace

TEST_CASE("console: logs prints what a process has written, before its end and "
          "after it",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", obedient_shell("p", "echo one; echo bad >&2; read go; echo "
                                        "two; echo worse >&2; exit 3"));
  auto logs = [&] { return run_console(at(daemon, {"logs", "web", "p"})); };
  eventually("its first words are in the log", [&] {
    auto got = logs();
    return got.status == 0 && got.out == "one\n" && got.err == "bad\n";
  });
  type(daemon, "p", "go\n");
  CHECK(daemon.wait("web", "p").last.code == 3);
  auto got = logs();
  CHECK(got.status == 0);
  CHECK(got.out == "one\ntwo\n");
  CHECK(got.err == "bad\nworse\n");
}

TEST_CASE("console: logs prints a log of megabytes whole, byte by byte",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", daemon_process::process("p", {"seq", "0", "399999"}));
  daemon.run("web",
             daemon_process::process("q", {"printf", "\\000\\377\\n\\r\\033"}));
  daemon.wait("web", "p");
  daemon.wait("web", "q");
  auto text = told(daemon, {"logs", "web", "p"});
  CHECK(unbroken(text) == 400'000);
  CHECK(text.ends_with("\n399999\n"));
  CHECK(told(daemon, {"logs", "web", "q"}) == std::string("\0\xff\n\r\x1b", 5));
}

TEST_CASE("console: logs -f prints what is kept, goes on with what comes, and "
          "ends with the process",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", obedient_shell("p", "echo one; read go; echo two; echo bad "
                                        ">&2; read go; exit 3"));
  eventually("its first word is in the log",
             [&] { return daemon.output_so_far("web", "p") == "one\n"; });
  following uut{daemon, {"logs", "-f", "web", "p"}};
  CHECK(next_line(uut.out.read.get()) == "one");
  type(daemon, "p", "go\n");
  CHECK(next_line(uut.out.read.get()) == "two");
  CHECK(next_line(uut.err.read.get()) == "bad");
  type(daemon, "p", "go\n");
  // That the process failed is no failure of reading its log.
  CHECK(uut.console.finish() == 0);
}

TEST_CASE("console: logs -f goes on over the restarts of a process",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto spec = obedient_shell("p", "echo run; read go; exit 1");
  spec.restart.type = reeve::config::restart_type::permanent;
  daemon.run("web", spec);
  following uut{daemon, {"logs", "-f", "web", "p"}};
  CHECK(next_line(uut.out.read.get()) == "run");
  type(daemon, "p", "go\n");
  CHECK(next_line(uut.out.read.get()) == "run");
  // Whoever only reads the log takes nothing along.
  uut.console.signal(SIGINT);
  CHECK(uut.console.finish() == 128 + SIGINT);
  auto info = daemon.process_of("web", "p");
  CHECK(info.restarts == 1);
  CHECK(is_alive(info.pid));
}

TEST_CASE("console: logs can begin late, and tell when each line came",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", obedient_shell("p", "echo one; echo bad >&2; read go; echo "
                                        "two; echo three; read go"));
  auto logs = [&](words more) {
    words line{"logs", "web", "p"};
    line.insert(line.end(), more.begin(), more.end());
    return run_console(at(daemon, line));
  };
  eventually("its first word is in the log",
             [&] { return logs({}).out == "one\n"; });
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  auto middle = reeve::kernel::unix_ms();
  type(daemon, "p", "go\n");
  eventually("its last word is in the log", [&] {
    return logs({"-n", "1"}).out == "three\n";
  });

  auto since = logs({"--since", reeve::config::rfc3339(middle)});
  CHECK(since.status == 0);
  CHECK(since.out == "two\nthree\n");
  CHECK(since.err.empty());
  CHECK(logs({"--since", "1h"}).out == "one\ntwo\nthree\n");
  CHECK(logs({"--since", "0"}).out.empty());
  CHECK(logs({"--tail", "0"}).out.empty());
  CHECK(logs({"-n2"}).out == "two\nthree\n");
  CHECK(logs({"-n99", "--since", reeve::config::rfc3339(middle)}).out
        == "two\nthree\n");

  auto lines = lines_of(logs({"-t"}).out);
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], EndsWith("Z one"));
  auto time_in = [](const std::string& line) {
    return reeve::config::parse_time(line.substr(0, line.find(' '))).value();
  };
  CHECK(time_in(lines[0]) < middle);
  CHECK(time_in(lines[1]) + 10 >= middle);
  CHECK(time_in(lines[2]) <= reeve::kernel::unix_ms());

  following uut{daemon, {"logs", "-f", "-t", "-n", "1", "web", "p"}};
  CHECK(next_line(uut.out.read.get()) == lines[2]);
  type(daemon, "p", "go\n");
  CHECK(uut.console.finish() == 0);

  auto bad = logs({"--since", "yesterday"});
  CHECK(bad.status == 125);
  CHECK(bad.err
        == "reeve: --since: \"yesterday\" is neither a time nor a duration; a "
           "time such as 2026-11-22T02:29:45Z, or how long ago, such as 10m\n");
}

TEST_CASE("console: the last lines of a long log are found from its end",
          "[console][kernel][logs]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", daemon_process::process("p", {"seq", "0", "399999"}));
  daemon.wait("web", "p");
  auto text = told(daemon, {"logs", "-n", "100000", "web", "p"});
  CHECK(text.starts_with("300000\n300001\n"));
  CHECK(text.ends_with("\n399999\n"));
  CHECK(text.size() == 700'000);
}

TEST_CASE("console: events prints a line for each thing that happened",
          "[console][kernel][events]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto pid = daemon.run("web", daemon_process::sleeper("p")).pid;
  REQUIRE(::kill(pid, SIGKILL) == 0);
  daemon.wait("web", "p");
  told(daemon, {"set", "web", "pids.limit=50"});
  daemon.destroy("web");

  auto found = std::vector<std::string>{};
  for (const auto& line : lines_of(told(daemon, {"events"}))) {
    auto cells = cells_of(line);
    INFO(line);
    REQUIRE(cells.size() >= 2);
    CHECK(cells.front().size() == 24); // 2026-11-22T03:10:31.285Z
    CHECK(cells.front().back() == 'Z');
    auto rest = cells[1];
    for (std::size_t i = 2; i < cells.size(); ++i)
      rest += "|" + cells[i];
    found.push_back(rest);
  }
  auto has = [&](const std::string& text) {
    auto all = std::string{};
    for (const auto& line : found)
      all += line + "\n";
    INFO(all);
    CHECK(std::find(found.begin(), found.end(), text) != found.end());
  };
  has("daemon_started|" + std::string{reeve::supervisor::version});
  has("container_created|web");
  has("process_started|web p|pid " + std::to_string(pid));
  has("process_exited|web p|killed by SIGKILL");
  has("limits_changed|web|pids.limit=50");
  has("container_destroyed|web");
  auto sorted = lines_of(told(daemon, {"events"}));
  CHECK(std::is_sorted(sorted.begin(), sorted.end(),
                       [](const auto& a, const auto& b) {
                         return a.substr(0, 24) < b.substr(0, 24);
                       }));
}

TEST_CASE(
    "console: events go on behind a number, also that of an earlier daemon",
    "[console][kernel][events]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox"});
  auto events = [&](const std::string& after) {
    std::vector<nlohmann::json> out;
    for (const auto& line :
         lines_of(told(daemon, {"events", "--json", "--after", after})))
      out.push_back(nlohmann::json::parse(line));
    return out;
  };
  auto all = events("0");
  REQUIRE(all.size() == 3); // the daemon, created, started
  auto seq = all[1].at("seq").get<std::uint64_t>();
  auto rest = events(std::to_string(seq));
  REQUIRE(rest.size() == 1);
  CHECK(rest[0] == all[2]);
  CHECK(events(std::to_string(seq + 1)).empty());
  daemon.kill();
  daemon.start();
  auto next = events(std::to_string(seq));
  REQUIRE(next.size() >= 2);
  CHECK(next[0] == nlohmann::json{{"event", "gap"}, {"missed", 1}});
  CHECK(next[1].at("event") == "daemon_started");
  CHECK(next[1].at("seq").get<std::uint64_t>() > seq + 1);
  auto refused = run_console(at(daemon, {"events", "--after", "x"}));
  CHECK(refused.status == 125);
}

TEST_CASE("console: events -f goes on with what comes, each at once",
          "[console][kernel][events]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  following text{daemon, {"events", "-f"}};
  following records{daemon, {"events", "-f", "--json"}};
  line_with(text.out.read.get(), "container_created  web");
  line_with(records.out.read.get(), "\"container_created\"");
  for (const auto* id : {"p", "q"}) {
    auto pid = daemon.run("web", daemon_process::sleeper(id)).pid;
    auto line = line_with(text.out.read.get(), "process_started");
    CHECK_THAT(line, EndsWith("  web " + std::string{id} + "  pid "
                              + std::to_string(pid)));
    auto record =
        json::parse(line_with(records.out.read.get(), "\"process_started\""),
                    nullptr, false);
    REQUIRE(record.is_object());
    CHECK(record["process"] == id);
    CHECK(record["container"] == "web");
  }
  text.console.signal(SIGINT);
  CHECK(text.console.finish() == 128 + SIGINT);
  // `reeve events -f | head`: it ends when nobody reads any more.
  records.out.read.reset();
  daemon.destroy("web");
  CHECK(records.console.finish() == 128 + SIGPIPE);
}
