// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/at_daemon.hpp"
#include "tests/console/console_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/temp_directory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

struct mistake {
  words line;
  std::string named; ///< what the complaint must contain
  int status = 125;
};

} // namespace

TEST_CASE("console: bad input is refused in one line, and the daemon goes on",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  temp_directory dir;
  daemon.create("web");
  daemon.run("web", daemon_process::sleeper("p"));
  auto file = [&](const char* name, const std::string& text) {
    auto path = dir.path() + "/" + name;
    std::ofstream{path} << text;
    return path;
  };
  const auto bad_bytes = std::string{"w\xff\xfe"};
  const auto unknown_key = file("key.toml", "image = \"busybox\"\nfrob = 1\n");
  const auto broken = file("broken.toml", "image = \"busy\n");
  const auto empty = file("empty.toml", "");
  const auto binary = file("binary.json", std::string("{\"\xff\": 1}"));
  const auto huge = std::string(100'000, 'x');
  const auto mistakes = std::vector<mistake>{
      // No such thing.
      {{"run", "nobody", "--", "true"}, "nobody"},
      {{"exec", "nobody", "--", "true"}, "nobody"},
      {{"attach", "nobody", "p"}, "nobody"},
      {{"attach", "web", "q"}, "no such process"},
      {{"ps", "nobody"}, "nobody"},
      {{"tree", "nobody"}, "nobody"},
      {{"info", "nobody"}, "nobody"},
      {{"logs", "web", "q"}, "q"},
      {{"logs", "nobody", "q"}, "nobody"},
      {{"wait", "web", "q"}, "q"},
      {{"signal", "web", "q", "TERM"}, "q"},
      {{"signal", "web", "p", "SIGFROB"}, "SIGFROB"},
      {{"signal", "web", "p", "0"}, "0"},
      {{"signal", "web", "p", "100000"}, "100000"},
      {{"stop", "nobody"}, "nobody"},
      {{"stop", "web", "q"}, "q"},
      {{"start", "nobody"}, "nobody"},
      {{"restart", "web", "q"}, "q"},
      {{"rm", "nobody"}, "nobody"},
      {{"rm", "web", "q"}, "q"},
      {{"pause", "nobody"}, "nobody"},
      {{"resume", "nobody"}, "nobody"},
      {{"set", "nobody", "pids.limit=5"}, "nobody"},
      {{"get", "nobody"}, "nobody"},
      {{"create", "new", "--image", "no-such-image"}, "no-such-image"},
      {{"run", "--image", "no-such-image", "--", "true"}, "no-such-image"},
      {{"create", "new", "--rootfs", "/nowhere"}, "/nowhere"},
      {{"create", "new", "--rootfs", "/etc/passwd"}, "/etc/passwd"},
      // Not now.
      {{"create", "web", "--image", "busybox"}, "web"},
      {{"run", "web", "--process", "p", "--", "true"}, "p"},
      {{"rm", "web"}, "web"},
      {{"rm", "web", "p"}, "p"},
      // Names.
      {{"create", bad_bytes, "--image", "busybox"}, "UTF-8"},
      {{"run", "web", "--", bad_bytes}, "UTF-8"},
      {{"run", "web", "--env", "A=" + bad_bytes, "--", "true"}, "UTF-8"},
      {{"ls", bad_bytes}, "UTF-8"},
      {{"info", ""}, "name"},
      {{"info", "../../etc"}, "name"},
      {{"info", huge}, "name"},
      {{"create", "a/", "--image", "busybox"}, "name"},
      {{"run", "web", "--process", "a/b", "--", "true"}, "id"},
      {{"stop", "web", "-p"}, "-p"},
      // Sizes and numbers.
      {{"set", "web", "memory.limit=99999999999999999999999"}, "memory.limit"},
      {{"set", "web", "memory.limit=-1"}, "memory.limit"},
      {{"set", "web", "memory.limit="}, "memory.limit"},
      {{"set", "web", "pids.limit=18446744073709551616"}, "pids.limit"},
      {{"set", "web", "cpu.limit=nan"}, "cpu.limit"},
      {{"set", "web", "cpu.limit=1e300"}, "cpu.limit"},
      {{"set", "web", "cpu.weight=0"}, "cpu.weight"},
      {{"set", "web", "frob.limit=1"}, "frob.limit"},
      {{"set", "web", "pids.limit=5", "pids.limit=6"}, "twice"},
      {{"get", "web", "frob"}, "frob"},
      {{"stop", "web", "--timeout", "-1s"}, "--timeout"},
      {{"stop", "web", "--timeout", "9999999999999999999s"}, "--timeout"},
      // Files.
      {{"create", "new", "--spec", "/nowhere.toml"}, "/nowhere.toml"},
      {{"create", "new", "--spec", dir.path()}, dir.path()},
      {{"create", "new", "--spec", unknown_key}, "frob"},
      {{"create", "new", "--spec", broken}, "broken.toml"},
      {{"create", "new", "--spec", empty}, "no files"},
      {{"create", "new", "--spec", binary}, "binary.json"},
      // Programs.
      {{"run", "web", "--", ""}, "argv"},
      {{"run", "web", "--", "/nowhere"}, "/nowhere", 127},
      {{"run", "web", "--", "nothing"}, "nothing", 127},
      {{"run", "web", "--", "/dev"}, "/dev", 126},
      {{"run", "web", "--user", "nobody-here", "--", "true"}, "nobody-here"},
      {{"run", "web", "--cwd", "/nowhere", "--", "true"}, "/nowhere"},
      {{"run", "web", "--cwd", "relative", "--", "true"}, "cwd"},
      {{"run", "web", "true"}, "behind `--`"},
      {{"run", "web"}, "behind `--`"},
      {{"run", "web", "-i", "--restart", "permanent", "--", "cat"}, "-i"},
      {{"run", "web", "-it", "--", "sh"}, "not a terminal"},
      // Text, and no records.
      {{"logs", "web", "p", "--json"}, "--json"},
      {{"--json", "attach", "web", "p"}, "--json"},
      {{"run", "web", "--json", "--", "true"}, "--json"},
      {{"completion", "bash", "--json"}, "--json"},
      // The command line itself.
      {{}, "no command"},
      {{"frob"}, "frob"},
      {{"ls", "--frob"}, "--frob"},
      {{"ls", "a", "b"}, "b"},
      {{"--socket"}, "--socket"},
  };
  for (const auto& [line, named, status] : mistakes) {
    auto got = run_console(at(daemon, line));
    auto text = std::string{};
    for (const auto& word : line)
      text += word.substr(0, 100) + ' ';
    INFO(text << "-> " << got.err.substr(0, 1000));
    CHECK(got.status == status);
    CHECK(got.out.empty());
    CHECK_THAT(got.err, StartsWith("reeve: "));
    CHECK_THAT(got.err, ContainsSubstring(named));
    CHECK(std::count(got.err.begin(), got.err.end(), '\n') == 1);
    CHECK(got.err.find("internal") == std::string::npos);
  }
  // Nothing half-made, and what runs has not noticed.
  auto ls = run_console(at(daemon, {"-q", "ls"}));
  CHECK(ls.status == 0);
  CHECK(ls.out == "web\n");
  auto ps = run_console(at(daemon, {"-q", "ps", "-a", "web"}));
  CHECK(ps.out == "p\n");
}

TEST_CASE("console: long arguments reach the program, and those that are too "
          "long are refused",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto run_with = [&](int count) {
    auto line = at(daemon, {"run", "web", "--", "sh", "-c",
                            "for a; do n=$((n + ${#a})); done; echo $n", "sh"});
    for (auto i = 0; i < count; ++i)
      line.push_back(std::string(10'000, 'a'));
    return run_console(line);
  };
  auto got = run_with(12);
  INFO(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "120000\n");
  got = run_with(105); // a megabyte
  CHECK(got.status == 125);
  CHECK_THAT(got.err, StartsWith("reeve: process.argv: "));
  CHECK(got.err.size() < 500);
  CHECK(run_with(1).out == "10000\n");
}

TEST_CASE("console: an argument of a megabyte in a spec is refused",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  temp_directory dir;
  auto path = dir.path() + "/spec.toml";
  std::ofstream{path} << "image = \"busybox\"\n[[processes]]\nid = \"p\"\n"
                      << "argv = [\"echo\", \"" << std::string(1 << 20U, 'x')
                      << "\"]\n";
  auto got = run_console(at(daemon, {"create", "web", "--spec", path}));
  INFO(got.err.substr(0, 1000));
  CHECK(got.status == 125);
  CHECK_THAT(got.err, ContainsSubstring("argv"));
  CHECK(got.err.size() < 500);
  auto ls = run_console(at(daemon, {"-q", "ls"}));
  CHECK(ls.status == 0);
  CHECK(ls.out.empty());
}
