// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/at_daemon.hpp"
#include "tests/console/console_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/patience.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <thread>

using namespace reeve::tests;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

words shell_in(const daemon_process& daemon, const std::string& script) {
  return at(daemon, {"run", "web", "--", "sh", "-c", script});
}

/// 100 MB that differ everywhere.
std::string much() {
  auto out = std::string(100'000'000, '\0');
  auto state = std::uint64_t{88172645463325252ULL};
  for (std::size_t i = 0; i + 8 <= out.size(); i += 8) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    std::memcpy(out.data() + i, &state, 8);
  }
  return out;
}

/// What comes out of a pipe, to its end.
std::string drain(int fd) {
  auto out = std::string{};
  auto buffer = std::array<char, 65536>{};
  for (;;) {
    auto n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0)
      return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

} // namespace

TEST_CASE("console: run ends with the status of the program",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  struct expectation {
    words program;
    int status;
  };
  const auto table = std::vector<expectation>{
      {{"true"}, 0},
      {{"false"}, 1},
      {{"sh", "-c", "exit 42"}, 42},
      {{"sh", "-c", "exit 125"}, 125},
      {{"sh", "-c", "kill -9 $$"}, 137},
      {{"sh", "-c", "kill -TERM $$"}, 143},
      {{"/etc"}, 126},
      {{"/nowhere/program"}, 127},
      {{"no-such-program"}, 127},
  };
  for (const auto& start : {words{"run", "web"}, words{"exec", "web"},
                            words{"run", "--image", "busybox"}})
    for (const auto& [program, status] : table) {
      auto line = at(daemon, start);
      line.push_back("--");
      line.insert(line.end(), program.begin(), program.end());
      auto got = run_console(line);
      INFO(start.back() << ": " << program.front() << ": " << got.err);
      CHECK(got.status == status);
      CHECK(got.out.empty());
      // Reeve speaks up only where the program could not.
      CHECK(got.err.empty() == (status != 126 && status != 127));
    }
  CHECK(daemon.container_names() == std::vector<std::string>{"web"});
  CHECK(daemon.details_of("web").processes.empty());
}

TEST_CASE("console: output and errors of the program stay apart",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto got = run_console(shell_in(daemon, "echo good; echo bad >&2; exit 3"));
  CHECK(got.status == 3);
  CHECK(got.out == "good\n");
  CHECK(got.err == "bad\n");
  // All of it, also from a container that goes away with its program.
  for (auto round = 0; round < 10; ++round) {
    got = run_console(
        at(daemon, {"run", "--image", "busybox", "--", "seq", "20000"}));
    CHECK(got.status == 0);
    CHECK(got.err == ""); // says what it is, if not
    CHECK(got.out.size() == 108894);
    CHECK(got.out.ends_with("\n20000\n"));
  }
  CHECK(daemon.container_names() == std::vector<std::string>{"web"});
}

TEST_CASE("console: standard input is forwarded with -i, to its end",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto line =
      at(daemon, {"run", "web", "-i", "--", "sh", "-c", "cat; echo over"});
  auto got = run_console(line, "some\nlines\n");
  CHECK(got.status == 0);
  CHECK(got.out == "some\nlines\nover\n");
  got = run_console(shell_in(daemon, "cat; echo over"), "some\nlines\n");
  CHECK(got.status == 0);
  CHECK(got.out == "over\n");
  // A program that does not read it is not kept waiting, nor are we.
  got = run_console(at(daemon, {"run", "web", "-i", "--", "true"}),
                    std::string(1'000'000, 'x'));
  CHECK(got.status == 0);
  CHECK(got.err.empty());
}

TEST_CASE("console: 100 MB pass through a program unharmed, both ways",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto data = much();
  auto in = memory_file(data);
  auto out = pipe_ends{};
  auto got = std::string{};
  auto reader = std::thread{[&] { got = drain(out.read.get()); }};
  auto child =
      console_process{at(daemon, {"run", "web", "-i", "--", "cat"}),
                      {in.get(), out.write.get(), STDERR_FILENO, {}, {}}};
  out.write.reset();
  CHECK(child.finish() == 0);
  reader.join();
  CHECK(got.size() == data.size());
  CHECK((got == data)); // not to be printed
}

TEST_CASE("console: a slow reader keeps its writer waiting, and nobody else, "
          "and loses nothing",
          "[console][kernel][slow]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto out = pipe_ends{};
  auto err = memory_file();
  auto begun = std::chrono::steady_clock::now();
  auto child = console_process{
      at(daemon, {"run", "web", "--process", "writer", "--", "seq", "3000000"}),
      {-1, out.write.get(), err.get(), {}, {}}};
  out.write.reset();
  eventually("the writer runs", [&] {
    return run_console(at(daemon, {"ps", "web"})).out.find("writer")
           != std::string::npos;
  });
  // Longer than the daemon waits for a reader that says nothing. Meanwhile all
  // others go on.
  while (std::chrono::steady_clock::now() < begun + 35s) {
    auto other = run_console(shell_in(daemon, "seq 10000 | tail -n 1"));
    CHECK(other.status == 0);
    CHECK(other.out == "10000\n");
    std::this_thread::sleep_for(1s);
  }
  CHECK(daemon.process_of("web", "writer").phase
        == reeve::supervisor::process_phase::running);
  auto got = drain(out.read.get());
  CHECK(child.finish() == 0);
  auto expected = std::string{};
  for (auto i = 1; i <= 3'000'000; ++i)
    expected += std::to_string(i) + '\n';
  CHECK(contents_of(err).empty());
  CHECK(got.size() == expected.size());
  CHECK((got == expected));
}

TEST_CASE("console: a program whose output nobody reads any more is stopped",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  for (const auto& start :
       {words{"run", "web"}, words{"run", "--image", "busybox"}}) {
    auto out = pipe_ends{};
    auto line = at(daemon, start);
    line.insert(line.end(), {"--", "yes"});
    auto child =
        console_process{line, {-1, out.write.get(), STDERR_FILENO, {}, {}}};
    out.write.reset();
    CHECK(next_line(out.read.get()) == "y");
    out.read.reset();
    CHECK(child.finish() == 128 + SIGPIPE);
    CHECK(daemon.container_names() == std::vector<std::string>{"web"});
    CHECK(daemon.details_of("web").processes.empty());
  }
}

TEST_CASE("console: a one-shot whose console is killed goes away with its "
          "program",
          "[console][kernel][slow]") {
  if (!is_root())
    return;
  daemon_process daemon;
  for (auto signo : {SIGHUP, SIGKILL}) {
    auto out = pipe_ends{};
    auto in = pipe_ends{};
    auto child = console_process{
        at(daemon, {"run", "--image", "busybox", "--", "sh", "-c",
                    "echo ready; while [ ! -e /end ]; do sleep 0.05; done"}),
        {-1, out.write.get(), -1, {}, {}}};
    out.write.reset();
    CHECK(next_line(out.read.get()) == "ready");
    child.signal(signo);
    CHECK(child.finish() == 128 + signo);
    auto names = daemon.container_names();
    REQUIRE(names.size() == 1); // it goes on
    CHECK(run_console(at(daemon, {"run", names.front(), "--", "touch", "/end"}))
              .status
          == 0);
    // Nobody has said that a killed reader will not come back, so its lease has
    // to end first.
    auto deadline = std::chrono::steady_clock::now()
                    + (signo == SIGKILL ? patiently(45s) : patiently(10s));
    while (!daemon.container_names().empty()
           && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(20ms);
    CHECK(daemon.container_names().empty());
  }
}

TEST_CASE("console: signals are forwarded to the program",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  for (auto [signo, name] :
       {std::pair{SIGTERM, "TERM"}, {SIGINT, "INT"}, {SIGQUIT, "QUIT"}}) {
    auto out = pipe_ends{};
    auto script = std::string{"trap 'echo got; exit 7' "} + name
                  + "; echo ready; while :; do sleep 0.02; done";
    auto child = console_process{shell_in(daemon, script),
                                 {-1, out.write.get(), STDERR_FILENO, {}, {}}};
    out.write.reset();
    CHECK(next_line(out.read.get()) == "ready");
    child.signal(signo);
    CHECK(child.finish() == 7);
    CHECK(drain(out.read.get()) == "got\n");
  }
}

TEST_CASE("console: Ctrl-C ends the waiting for an answer",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  auto out = pipe_ends{};
  auto err = memory_file();
  auto child = console_process{at(daemon, {"run", "web", "--process", "p", "--",
                                           "sh", "-c", "trap '' TERM; yes"}),
                               {-1, out.write.get(), err.get(), {}, {}}};
  out.write.reset();
  CHECK(next_line(out.read.get()) == "y");
  // Nobody reads any more, so it is asked to stop, and takes its time.
  out.read.reset();
  eventually("it is being stopped", [&] {
    return daemon.process_of("web", "p").phase
           == reeve::supervisor::process_phase::stopping;
  });
  child.signal(SIGINT);
  CHECK(child.finish() == 128 + SIGPIPE);
  CHECK_THAT(contents_of(err), ContainsSubstring("interrupted by SIGINT"));
  CHECK(daemon.process_of("web", "p").phase
        == reeve::supervisor::process_phase::stopping);
}

TEST_CASE("console: closed standard streams are no others' descriptors",
          "[console][kernel]") {
  if (!is_root())
    return;
  daemon_process daemon;
  daemon.create("web");
  for (const auto& closed : std::vector<std::vector<int>>{
           {0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}}) {
    auto got = run_console(shell_in(daemon, "echo out; echo err >&2; exit 5"),
                           {}, closed);
    INFO(closed.size() << " closed, the first is " << closed.front());
    CHECK(got.status == 5);
    CHECK(run_console(at(daemon, {"ls"}), {}, closed).status == 0);
    auto has = [&](int fd) {
      return std::find(closed.begin(), closed.end(), fd) == closed.end();
    };
    CHECK(got.out == (has(1) ? "out\n" : ""));
    CHECK(got.err == (has(2) ? "err\n" : ""));
  }
  CHECK(
      run_console(at(daemon, {"run", "web", "-i", "--", "cat"}), {}, {0}).status
      == 0);
}
