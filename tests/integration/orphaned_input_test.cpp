// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Standard input and terminals of processes whose daemon is killed.

#include "kernel-iface/process_identity.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <algorithm>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;

namespace {

struct identity {
  pid_t pid;
  std::uint64_t since;

  explicit identity(pid_t of)
      : pid(of),
        since(kernel::start_time(of).value().value()) {}

  [[nodiscard]] bool still_runs() const {
    auto now = kernel::start_time(pid);
    return now && *now && **now == since && is_alive(pid);
  }
};

config::process_spec at_terminal(const std::string& id,
                                 const std::string& script) {
  auto out = api_client::process(id, {"sh", "-c", script});
  out.stdio = config::stdio_mode::tty;
  out.stdin_open = true;
  return out;
}

// As a program without a terminal would have written it.
std::string plain(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
  return text;
}

/// Of the lines that are whole. What a daemon had just read of a terminal when
/// it was killed is lost, so there may be a gap.
long last_number(const std::string& lines) {
  auto end = lines.rfind('\n');
  if (end == std::string::npos || end == 0)
    return -1;
  auto begin = lines.rfind('\n', end - 1);
  return std::stol(lines.substr(begin == std::string::npos ? 0 : begin + 1));
}

void await_output(daemon_process& reeve, const std::string& id,
                  const std::string& text) {
  eventually("'" + id + "' has written '" + text + "'", [&] {
    return plain(reeve.output_so_far("web", id)).find(text)
           != std::string::npos;
  });
}

void type(daemon_process& reeve, const std::string& id,
          const std::string& keys) {
  reeve.ask<process_is>(write_input{"web", id, keys, false});
}

// Waits until everything in the container had the time to notice.
void let_it_live(pid_t pid_one) {
  auto count = [pid_one] {
    auto text = read_file("/proc/" + std::to_string(pid_one) + "/root/alive");
    return text.empty() ? 0 : std::stol(text);
  };
  auto before = count();
  eventually("the container lives on", [&] { return count() > before + 100; });
}

} // namespace

TEST_CASE("orphaned input: neither a pipe nor a terminal notices that the "
          "daemon was killed",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto pid_one = reeve.details_of("web").info.pid;
  std::vector<identity> all;
  auto run = [&](const config::process_spec& spec) {
    all.emplace_back(reeve.run("web", spec).pid);
  };
  run(api_client::process(
      "alive", {"sh", "-c",
                "i=0; while true; do i=$((i+1)); echo $i > /alive.new; "
                "mv /alive.new /alive; done"}));
  auto cat = api_client::process("cat", {"cat"});
  cat.stdin_open = true;
  run(cat);
  run(at_terminal("shell", "trap 'echo HANGUP' HUP; echo ready; "
                           "while read line; do "
                           "echo \"heard $line at $(stty size)\"; done; "
                           "echo END; sleep 1000"));
  // An interactive one, with job control: its terminal is all it has.
  auto jobs = api_client::process("jobs", {"sh", "-i"});
  jobs.stdio = config::stdio_mode::tty;
  jobs.stdin_open = true;
  run(jobs);
  run(at_terminal("counter", "i=0; while true; do echo $i; i=$((i+1)); "
                             "sleep 0.001; done"));
  type(reeve, "cat", "line 0\n");
  await_output(reeve, "cat", "line 0\n");
  await_output(reeve, "shell", "ready\n");
  type(reeve, "jobs", "sleep 1000 &\n");

  std::string told = "line 0\n";
  for (auto round = 1; round <= 3; ++round) {
    auto number = std::to_string(round);
    auto before = last_number(plain(reeve.output_so_far("web", "counter")));
    reeve.kill();
    let_it_live(pid_one);
    for (const auto& one : all)
      CHECK(one.still_runs());
    reeve.start();

    type(reeve, "cat", "line " + number + "\n");
    told += "line " + number + "\n";
    await_output(reeve, "cat", told);
    std::uint16_t rows = 20 + static_cast<std::uint16_t>(round);
    reeve.ask<process_is>(resize_terminal{"web", "shell", rows, 101});
    type(reeve, "shell", "word " + number + "\n");
    await_output(reeve, "shell",
                 "heard word " + number + " at " + std::to_string(rows)
                     + " 101\n");
    type(reeve, "jobs", "jobs; echo $((40 + " + number + ")) from shell\n");
    await_output(reeve, "jobs", std::to_string(40 + round) + " from shell\n");
    eventually("the counter's terminal is read on", [&] {
      return last_number(plain(reeve.output_so_far("web", "counter")))
             > before + 100;
    });
  }
  auto heard = plain(reeve.output_so_far("web", "shell"));
  INFO(heard);
  CHECK(heard.find("HANGUP") == std::string::npos);
  CHECK(heard.find("END") == std::string::npos);
  CHECK(reeve.output_so_far("web", "cat") == told);
  for (const auto& one : all)
    CHECK(one.still_runs());

  // The end of the input comes when somebody says so.
  reeve.ask<process_is>(write_input{"web", "cat", "last\n", true});
  CHECK(reeve.wait("web", "cat").last == exit_reason::exited(0));
  CHECK(reeve.output("web", "cat") == told + "last\n");
}

TEST_CASE("orphaned input: what a pipe has taken before the daemon was killed "
          "is not lost",
          "[integration][adoption]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto spec = api_client::process(
      "slow", {"sh", "-c", "until [ -e /go ]; do sleep 0.01; done; exec cat"});
  spec.stdin_open = true;
  reeve.run("web", spec);
  std::string all;
  for (auto i = 0; i < 1000; ++i)
    all += std::to_string(i) + "\n";
  type(reeve, "slow", all); // fits into the pipe, so it is answered
  reeve.kill();
  reeve.start();
  type(reeve, "slow", "1000\n");
  CHECK(reeve.shell("web", "touch /go").reason == exit_reason::exited(0));
  eventually("all has come through", [&] {
    return unbroken(reeve.output_so_far("web", "slow")) == 1001;
  });
}
