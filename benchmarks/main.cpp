// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/floor_client.hpp"
#include "benchmarks/measurement.hpp"
#include "benchmarks/reeve_subjects.hpp"
#include "benchmarks/scenario.hpp"

#include <CLI/CLI.hpp>

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <iomanip>
#include <iostream>

namespace reeve::bench {

namespace {

volatile sig_atomic_t interrupt_seen = 0;

/// A second signal ends the program at once, containers or not.
void end_in_order_on(int signo) {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupt_seen = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(signo, &action, nullptr);
}

struct command_line {
  std::vector<std::string> words;
  run_options run;
  bool json = false;
  bool no_peers = false;
};

/// `density 500` says it as `density --containers 500` does.
void take_count(command_line& asked) {
  auto& words = asked.words;
  auto at = std::find(words.begin(), words.end(), "density");
  if (at == words.end() || ++at == words.end())
    return;
  auto count = std::size_t{};
  auto [end, code] =
      std::from_chars(at->data(), at->data() + at->size(), count);
  if (code != std::errc{} || end != at->data() + at->size() || count == 0)
    return; // then it is a scenario, or told as none
  asked.run.containers = count;
  words.erase(at);
}

int list(const registry& all) {
  const auto scenarios = all.select({});
  for (const auto* s : *scenarios)
    std::cout << std::left << std::setw(28) << s->name << s->question << '\n';
  return 0;
}

int measure(const registry& all, const command_line& asked) {
  auto chosen = all.select(asked.words);
  if (!chosen) {
    std::cerr << "reeve-bench: " << to_string(chosen.error()) << '\n';
    return 2;
  }
  auto notes = std::vector<std::string>{};
  auto rows = std::vector<metric>{};
  bool failed = false;
  auto floors = floor_client::start();
  if (!floors) {
    notes.push_back("floors: " + to_string(floors.error()));
    failed = true;
  }
  auto peers = asked.no_peers ? peer_set{} : peer_set::find();
  notes.insert(notes.end(), peers.notes.begin(), peers.notes.end());
  for (const auto* scenario : *chosen) {
    if (interrupt_seen != 0)
      break;
    auto said = run(*scenario, asked.run, floors ? &*floors : nullptr, &peers);
    rows.insert(rows.end(), said.rows.begin(), said.rows.end());
    notes.insert(notes.end(), said.notes.begin(), said.notes.end());
    failed = failed || said.failed;
  }
  asked.json ? print_json(std::cout, rows) : print_table(std::cout, rows);
  for (const auto& note : notes)
    std::cerr << "reeve-bench: " << note << '\n';
  return failed || interrupt_seen != 0 ? 1 : 0;
}

int main(int argc, char** argv) {
  auto asked = command_line{};
  asked.run.interrupted = [] { return interrupt_seen != 0; };
  auto app = CLI::App{"Measures Reeve against the kernel's floor and its peers",
                      "reeve-bench"};
  app.add_option("scenario", asked.words,
                 "Names or groups; all by default; `list` shows them. "
                 "`density` may be followed by how many");
  app.add_option("-n,--iterations", asked.run.iterations, "Rounds per scenario")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--containers", asked.run.containers,
                 "Of the scenarios density, stats and restart_storm")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--processes", asked.run.processes,
                 "In each container of restart_storm")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--rounds", asked.run.rounds, "Storms of restart_storm")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", asked.json, "Print one array of objects");
  app.add_flag("--no-peers", asked.no_peers, "Leave crun and runc out");
  CLI11_PARSE(app, argc, argv);

  take_count(asked);
  auto all = registry{};
  provide_reeve(all);
  if (asked.words == std::vector<std::string>{"list"})
    return list(all);
  end_in_order_on(SIGINT);
  end_in_order_on(SIGTERM);
  return measure(all, asked);
}

} // namespace

} // namespace reeve::bench

int main(int argc, char** argv) {
  try {
    return reeve::bench::main(argc, argv);
  } catch (const std::exception& err) {
    std::cerr << "reeve-bench: " << err.what() << '\n';
    return 1;
  }
}
