// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/scenario.hpp"

#include "benchmarks/floor_client.hpp"
#include "benchmarks/stopwatch.hpp"

#include <algorithm>
#include <random>

namespace reeve::bench {

namespace {

enum class role { floor, straight_line, reeve, peer };

/// A subject in a run, with what was measured so far.
struct entrant {
  subject who;
  role part;
  std::vector<duration> samples{};
  bool out = false;
};

class race {
public:
  race(const scenario& what, const run_options& options, floor_client* floors,
       peer_set* peers)
      : what_(what),
        options_(options),
        floors_(floors) {
    add_floor(role::floor, "floor", what_.floor);
    add_floor(role::straight_line, "straight_line", what_.straight_line);
    if (what_.reeve)
      add_reeve();
    if (what_.peer && peers != nullptr)
      for (auto& p : peers->peers)
        add(role::peer, {p.label(*what_.peer),
                         [&p, what = *what_.peer] { return p.measure(what); }});
  }

  report finish() && {
    measure();
    rank();
    if (what_.grow)
      append_ramp();
    if (!what_.reeve && !what_.grow)
      report_.notes.push_back(what_.name + ": Reeve's side is not built in");
    return std::move(report_);
  }

private:
  void add(role part, subject who) {
    entrants_.push_back({std::move(who), part});
  }

  void add_floor(role part, const char* name, std::optional<floor_kind> kind) {
    if (kind && floors_ != nullptr)
      add(part, {name, [floors = floors_, kind = *kind] {
                   return floors->measure(kind);
                 }});
  }

  void fail(const std::string& who, const kernel::sys_error& err, role part) {
    report_.notes.push_back(what_.name + ": " + who + ": " + to_string(err));
    report_.failed = report_.failed || part != role::peer;
  }

  void add_reeve() {
    auto made = what_.reeve(options_);
    if (!made)
      return fail("reeve", made.error(), role::reeve);
    for (auto& who : *made)
      add(role::reeve, std::move(who));
  }

  void take_turn(entrant& e, bool counts) {
    auto took = e.who.iterate();
    if (!took) {
      fail(e.who.name, took.error(), e.part);
      e.out = true;
    } else if (counts) {
      e.samples.push_back(*took);
    }
  }

  void measure() {
    auto order = std::vector<std::size_t>(entrants_.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    // A fixed seed: two runs differ by the machine, not by us.
    auto random = std::minstd_rand{1}; // NOLINT(cert-msc51-cpp)
    const auto watch = stopwatch{};
    const auto rounds = options_.warm_up + options_.iterations;
    for (std::size_t round = 0; round < rounds; ++round) {
      std::shuffle(order.begin(), order.end(), random);
      for (auto i : order) {
        if (options_.interrupted())
          return;
        if (!entrants_[i].out)
          take_turn(entrants_[i], round >= options_.warm_up);
      }
      if (watch.elapsed() > options_.time_limit)
        return report_.notes.push_back(
            what_.name + ": time limit reached after round "
            + std::to_string(round + 1) + " of " + std::to_string(rounds));
    }
  }

  void rank() {
    auto floor_p50 = std::optional<double>{};
    for (const auto& e : entrants_) {
      const auto numbers = summarize(e.samples);
      if (!numbers)
        continue;
      const bool is_floor = e.part == role::floor;
      report_.rows.push_back(make_metric(what_.name, e.who.name, "us", *numbers,
                                         is_floor ? std::nullopt : floor_p50));
      if (is_floor)
        floor_p50 = numbers->p50;
    }
    compare_with_peers();
  }

  /// Like with like: a peer is timed as a whole program, so it is Reeve's
  /// whole program, where there is one, that is held against it.
  void compare_with_peers() {
    const auto measured = report_.rows;
    auto row_of = [&measured](const entrant& e) {
      return std::find_if(
          measured.begin(), measured.end(),
          [&e](const metric& row) { return row.name == e.who.name; });
    };
    auto ours = measured.end();
    for (const auto& e : entrants_)
      if (e.part == role::reeve
          && (ours == measured.end() || e.who.name.starts_with("reeve_")))
        ours = row_of(e);
    if (ours == measured.end())
      return;
    for (const auto& e : entrants_) {
      const auto theirs = e.part == role::peer ? row_of(e) : measured.end();
      if (theirs == measured.end() || theirs->p50.value_or(0) <= 0)
        continue;
      auto row = metric{what_.name, ours->name + "/" + theirs->name, "ratio"};
      row.n = std::min(ours->n, theirs->n);
      row.p50 = *ours->p50 / *theirs->p50;
      report_.rows.push_back(std::move(row));
    }
  }

  void append_ramp() {
    auto rows = what_.grow(options_, floors_);
    if (!rows)
      return fail("reeve", rows.error(), role::reeve);
    report_.rows.insert(report_.rows.end(), rows->begin(), rows->end());
  }

  const scenario& what_;
  const run_options& options_;
  floor_client* floors_;
  std::vector<entrant> entrants_;
  report report_;
};

} // namespace

report run(const scenario& what, const run_options& options,
           floor_client* floors, peer_set* peers) {
  return race{what, options, floors, peers}.finish();
}

} // namespace reeve::bench
