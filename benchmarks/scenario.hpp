// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/floor.hpp"
#include "benchmarks/measurement.hpp"
#include "benchmarks/peers.hpp"
#include "kernel-iface/result.hpp"

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::bench {

class floor_client;

/// What a run is asked for on the command line.
struct run_options {
  std::size_t iterations = 200;
  std::size_t warm_up = 5;
  /// Of one scenario; what was measured until then counts.
  std::chrono::seconds time_limit{60};
  /// For scenarios that grow a collection (`density`, `restart_storm`).
  std::size_t containers = 100;
  /// For `restart_storm`: in each container, and how many storms.
  std::size_t processes = 10;
  std::size_t rounds = 3;
  /// Asked between iterations: true ends the run early and in order.
  std::function<bool()> interrupted = [] { return false; };
};

/// One thing that is measured. `iterate` does whatever an iteration needs and
/// returns only the time of the part in question; what it needs for longer it
/// owns, and gives back when it is destroyed. After an error it is not asked
/// again, and the report says so.
struct subject {
  /// Becomes the metric's name: `end_to_end` for Reeve's headline.
  std::string name;
  std::function<kernel::result<duration>()> iterate;
};

/// Makes Reeve's subjects of a scenario. Called once in a run, before warm-up.
using subject_factory =
    std::function<kernel::result<std::vector<subject>>(const run_options&)>;

/// For a scenario that is not a repeated iteration (`density`,
/// `restart_storm`): returns its rows itself, those of a floor included, if it
/// has one. The floors may be null.
using ramp = std::function<kernel::result<std::vector<metric>>(
    const run_options&, floor_client*)>;

struct scenario {
  std::string name;
  /// Selects several scenarios by one word; may be the name itself.
  std::string group;
  /// The question that it answers, for `list`.
  std::string question;
  std::optional<floor_kind> floor;
  std::optional<peer_command> peer;
  /// The same work by straight-line system calls, where the floor of the budget
  /// is something else: a row `straight_line`.
  std::optional<floor_kind> straight_line = std::nullopt;
  /// Reeve's side: either, or none where it is not built in.
  subject_factory reeve = nullptr;
  ramp grow = nullptr;
};

/// All scenarios, in the order in which they run.
class registry {
public:
  /// Knows the scenarios with their floors and peers, without Reeve's side.
  registry();

  /// Adds Reeve's side. The name must be known; an unknown one throws
  /// std::logic_error, since it is a slip in this program.
  void provide(std::string_view scenario, subject_factory reeve);
  void provide_ramp(std::string_view scenario, ramp grow);

  /// Those whose name or group is among `words`; all for none. A word may have
  /// '-' for '_'. An error names the word that nothing answers to.
  [[nodiscard]] kernel::result<std::vector<const scenario*>>
  select(const std::vector<std::string>& words) const;

private:
  [[nodiscard]] scenario& find(std::string_view name);

  std::vector<scenario> scenarios_;
};

/// Rows in the order floor, Reeve, peers; and what did not work.
struct report {
  std::vector<metric> rows;
  std::vector<std::string> notes;
  /// The floor or Reeve failed, not merely a peer.
  bool failed = false;
};

/// Measures one scenario: all its subjects take turns, in an order that is
/// shuffled for each round. Else noise of the machine would hit one of them
/// alone, and the same one would always run in the caches that the heaviest
/// peer leaves cold. `floors` and `peers` may be null: not measured.
[[nodiscard]] report run(const scenario& what, const run_options& options,
                         floor_client* floors, peer_set* peers);

} // namespace reeve::bench
