// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/at_daemon.hpp"
#include "tests/console/console_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// No daemon is there.
words embedded(words line) {
  line.insert(line.begin(), {"--socket", "/nowhere/reeved.sock"});
  return line;
}

/// Directories of embedded instances.
std::set<std::string> private_roots() {
  auto out = std::set<std::string>{};
  auto err = std::error_code{};
  for (const auto& item : fs::directory_iterator{"/var/lib/reeve", err})
    if (item.path().filename().string().starts_with("embedded-"))
      out.insert(item.path().string());
  return out;
}

} // namespace

TEST_CASE("console: without a daemon, a one-shot runs in the console itself",
          "[console][kernel]") {
  if (!is_root())
    return;
  leak_guard guard;
  auto before = private_roots();
  auto got = run_console(embedded({"run", "--image", "busybox", "-i", "--",
                                   "sh", "-c", "cat; echo err >&2; exit 3"}),
                         "text\n");
  CHECK(got.status == 3);
  CHECK(got.out == "text\n");
  CHECK(got.err == "err\n");
  got = run_console(
      embedded({"run", "--image", "busybox", "--", "no-such-program"}));
  CHECK(got.status == 127);
  CHECK(private_roots() == before);
}

TEST_CASE("console: two one-shots and a daemon do not disturb each other",
          "[console][kernel]") {
  if (!is_root())
    return;
  auto before = private_roots();
  daemon_process daemon;
  daemon.create("web");
  daemon.run("web", daemon_process::sleeper("p"));
  auto pid = daemon.process_of("web", "p").pid;
  auto line = embedded({"run", "--image", "busybox", "-i", "--", "sh", "-c",
                        "cat /proc/self/uid_map; cat; exit 8"});
  struct one_shot {
    pipe_ends in;
    pipe_ends out;
    std::optional<console_process> console;
  };
  auto both = std::array<one_shot, 2>{};
  auto maps = std::set<std::string>{};
  for (auto& item : both) {
    item.console.emplace(
        line,
        console_process::streams{
            item.in.read.get(), item.out.write.get(), STDERR_FILENO, {}, {}});
    item.in.read.reset();
    item.out.write.reset();
  }
  for (auto& item : both)
    maps.insert(next_line(item.out.read.get()));
  CHECK(maps.size() == 2); // each has ids of its own
  CHECK(maps.count("") == 0);
  auto roots = private_roots();
  CHECK(roots.size() == before.size() + 2);
  for (auto& item : both) {
    item.in.write.reset(); // the end of its input
    CHECK(item.console->finish() == 8);
  }
  CHECK(private_roots() == before);
  CHECK(daemon.process_of("web", "p").pid == pid);
}

TEST_CASE("console: what a killed one-shot left is swept by the next, and "
          "strangers' directories are not touched",
          "[console][kernel]") {
  if (!is_root())
    return;
  leak_guard guard;
  auto before = private_roots();
  auto fake = fs::path{"/var/lib/reeve/embedded-1-0"};
  fs::create_directories(fake / "containers");
  REQUIRE(::chown(fake.c_str(), 65534, 65534) == 0);
  {
    auto in = pipe_ends{};
    auto out = pipe_ends{};
    auto child = console_process{
        embedded({"run", "--image", "busybox", "-i", "--", "sh", "-c",
                  "echo ready; cat"}),
        {in.read.get(), out.write.get(), STDERR_FILENO, {}, {}}};
    out.write.reset();
    CHECK(next_line(out.read.get()) == "ready");
    child.signal(SIGKILL);
    CHECK(child.finish() == 128 + SIGKILL);
  }
  CHECK(private_roots().size() == before.size() + 2);
  auto got = run_console(embedded({"run", "--image", "busybox", "--", "true"}));
  CHECK(got.status == 0);
  CHECK(got.err == "");
  CHECK(fs::exists(fake / "containers"));
  fs::remove_all(fake);
  CHECK(private_roots() == before);
}
