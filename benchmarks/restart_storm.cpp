// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// All processes of many containers are killed at once: how long until all run
// again, and how long others wait for their answers meanwhile. Who follows the
// events tells when, /proc whether it is so.

#include "benchmarks/floor_client.hpp"
#include "benchmarks/prober.hpp"
#include "benchmarks/reeve_host.hpp"
#include "benchmarks/reeve_subjects.hpp"
#include "benchmarks/storm_population.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>
#include <thread>
#include <utility>

namespace reeve::bench {

using namespace std::chrono_literals;
using namespace supervisor;
using kernel::result;

namespace {

using clock = std::chrono::steady_clock;
using moments = std::map<std::string, clock::time_point>;

// What the prober is held against.
constexpr auto quiet_time = 1s;

// A storm without any news for so long is stuck. Less than the time limit of a
// request.
constexpr auto longest_silence = 15s;

// Between two looks at the events: one for each of them would be a load of its
// own, of thousands of requests.
constexpr auto event_pause = 1ms;

template <class T>
tl::unexpected<kernel::sys_error> pass(result<T>& failed) {
  return tl::make_unexpected(std::move(failed.error()));
}

/// How long answers took, each kind of question by itself.
struct probes {
  std::vector<duration> warden;
  std::vector<duration> container;
  std::vector<duration> nap;
};

/// What one storm was like.
struct storm {
  duration took{};
  duration kills{};
  std::vector<duration> ends;     ///< each from its kill to the news of its end
  std::vector<duration> restarts; ///< and to that of its successor
  probes meanwhile;
};

// -- what goes on meanwhile ---------------------------------------------------

/// Which processes ended and which began, when a follower of the events heard
/// of it.
struct news {
  moments ended;
  moments started;
};

/// Until that many have begun.
result<news> follow(reeve_host& host, std::uint64_t after, std::size_t count) {
  caf::scoped_actor self{host.system()};
  news out;
  while (out.started.size() < count) {
    auto batch = bench::ask<event_batch>(
        self, host.api(), get_events{after, 10'000, longest_silence / 1ms});
    const auto now = clock::now();
    if (!batch)
      return pass(batch);
    if (batch->gap != 0)
      return kernel::make_error(0, "follow", "the events",
                                "too many at once: take fewer processes");
    if (batch->events.empty())
      return kernel::make_error(ETIMEDOUT, "wait for restarts",
                                std::to_string(out.started.size()) + " of "
                                    + std::to_string(count) + " seen");
    for (const auto& item : batch->events)
      if (item.kind == event_kind::process_exited)
        out.ended.emplace(storm_key(item.container, item.process), now);
      else if (item.kind == event_kind::process_started)
        out.started.emplace(storm_key(item.container, item.process), now);
    after = batch->events.back().seq;
    std::this_thread::sleep_for(event_pause);
  }
  return out;
}

/// Answered by the warden itself.
prober::question ask_warden(reeve_host& host, std::size_t containers) {
  return [&host, containers](caf::scoped_actor& self, std::size_t turn) {
    return bench::ask<container_list>(
               self, host.api(),
               list_containers{storm_container(turn % containers), {}})
        .map([](const container_list&) {});
  };
}

/// Passed on to the actor of a container, and from there to the one that reads
/// its limits.
prober::question ask_container(reeve_host& host, std::size_t containers) {
  return [&host, containers](caf::scoped_actor& self, std::size_t turn) {
    return bench::ask<container_details>(
               self, host.api(),
               get_container{storm_container(turn % containers)})
        .map([](const container_details&) {});
  };
}

/// Asks nobody: what it takes longer than the nap, the kernel took to give this
/// thread a processor, and an answer needs several threads.
result<void> nap(caf::scoped_actor&, std::size_t) {
  std::this_thread::sleep_for(1ms);
  return {};
}

/// Asks all of them while `part` goes on.
template <class Part>
result<probes> probe_during(reeve_host& host, std::size_t containers,
                            Part part) {
  prober warden{host.system(), ask_warden(host, containers)};
  prober container{host.system(), ask_container(host, containers)};
  prober sleeper{host.system(), nap};
  result<void> done = part();
  auto of_warden = warden.finish();
  auto of_container = container.finish();
  auto of_nap = sleeper.finish();
  if (!done)
    return pass(done);
  if (!of_warden)
    return pass(of_warden);
  if (!of_container)
    return pass(of_container);
  if (!of_nap)
    return pass(of_nap);
  return probes{std::move(*of_warden), std::move(*of_container),
                std::move(*of_nap)};
}

// -- the storm ----------------------------------------------------------------

struct kills {
  moments at;
  clock::time_point first;
  clock::time_point last;
};

result<kills> kill_all(const std::vector<storm_target>& whom) {
  std::vector<clock::time_point> at;
  at.reserve(whom.size() + 1);
  for (const auto& item : whom) {
    at.push_back(clock::now());
    if (::kill(item.pid, SIGKILL) != 0)
      return kernel::last_error("kill", item.key);
  }
  kills out;
  out.first = at.front();
  out.last = clock::now();
  for (std::size_t i = 0; i < whom.size(); ++i)
    out.at.emplace(whom[i].key, at[i]);
  return out;
}

std::vector<duration> delays(const moments& from, const moments& to) {
  std::vector<duration> out;
  for (const auto& [key, when] : to)
    if (auto begun = from.find(key); begun != from.end())
      out.push_back(when - begun->second);
  return out;
}

result<storm> unleash(reeve_host& host, const std::vector<storm_target>& whom,
                      std::size_t containers) {
  auto newest = host.ask<event_batch>(get_events{~std::uint64_t{0}, 1, 0});
  if (!newest)
    return pass(newest);
  storm out;
  auto meanwhile = probe_during(host, containers, [&]() -> result<void> {
    auto following = std::async(std::launch::async, [&] {
      return follow(host, newest->last, whom.size());
    });
    auto killed = kill_all(whom);
    auto heard = following.get();
    if (!killed)
      return pass(killed);
    if (!heard)
      return pass(heard);
    out.kills = killed->last - killed->first;
    out.ends = delays(killed->at, heard->ended);
    out.restarts = delays(killed->at, heard->started);
    for (const auto& [key, when] : heard->started)
      out.took = std::max<duration>(out.took, when - killed->first);
    return {};
  });
  if (!meanwhile)
    return pass(meanwhile);
  out.meanwhile = std::move(*meanwhile);
  return out;
}

// -- the rounds ---------------------------------------------------------------

/// Everything that was measured, over all rounds.
struct measured {
  std::vector<duration> floors;
  std::vector<duration> storms;
  std::vector<duration> kills;
  std::vector<duration> ends;
  std::vector<duration> restarts;
  probes quiet;
  probes stormy;
};

void append(std::vector<duration>& to, const std::vector<duration>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void append(probes& to, const probes& more) {
  append(to.warden, more.warden);
  append(to.container, more.container);
  append(to.nap, more.nap);
}

result<void> measure_round(reeve_host& host, std::size_t containers,
                           std::size_t processes, floor_client* floors,
                           measured& into) {
  if (floors != nullptr) {
    auto floor =
        floors->measure(floor_kind::restart_storm,
                        static_cast<std::uint32_t>(containers * processes));
    if (!floor)
      return tl::make_unexpected(
          std::move(floor.error()).with_context("the floor"));
    into.floors.push_back(*floor);
  }
  auto before = find_storm_targets(host, containers, processes);
  if (!before)
    return pass(before);
  auto quiet = probe_during(host, containers, []() -> result<void> {
    std::this_thread::sleep_for(quiet_time);
    return {};
  });
  if (!quiet)
    return pass(quiet);
  auto seen = unleash(host, *before, containers);
  if (!seen)
    return pass(seen);
  auto after = find_storm_targets(host, containers, processes);
  if (!after)
    return pass(after);
  if (auto ok = check_restarted(*before, *after); !ok)
    return ok;
  into.storms.push_back(seen->took);
  into.kills.push_back(seen->kills);
  append(into.ends, seen->ends);
  append(into.restarts, seen->restarts);
  append(into.quiet, *quiet);
  append(into.stormy, seen->meanwhile);
  return {};
}

class table {
public:
  /// Returns the row's numbers, for what is held against it.
  std::optional<summary> add(const std::string& name,
                             const std::vector<duration>& samples,
                             std::optional<double> floor = std::nullopt) {
    auto numbers = summarize(samples);
    if (numbers)
      rows_.push_back(
          make_metric("restart_storm", name, "us", *numbers, floor));
    return numbers;
  }

  /// The same question in quiet and in the storm.
  void add_answers(const std::string& whose, const std::vector<duration>& quiet,
                   const std::vector<duration>& stormy) {
    auto before = add(whose + "_quiet", quiet);
    auto meanwhile = add(whose + "_storm", stormy);
    if (!before || !meanwhile || before->p50 <= 0)
      return;
    auto row =
        metric{"restart_storm", whose + "_storm/" + whose + "_quiet", "ratio"};
    row.n = std::min(before->n, meanwhile->n);
    row.p50 = meanwhile->p50 / before->p50;
    row.p99 = meanwhile->p99 / before->p99;
    rows_.push_back(std::move(row));
  }

  std::vector<metric> take() && {
    return std::move(rows_);
  }

private:
  std::vector<metric> rows_;
};

std::vector<metric> rows_of(const measured& all) {
  table out;
  auto floor = out.add("floor", all.floors);
  out.add("end_to_end", all.storms,
          floor ? std::optional{floor->p50} : std::nullopt);
  out.add("kills", all.kills);
  out.add("each_end", all.ends);
  out.add("each_restart", all.restarts);
  out.add_answers("warden", all.quiet.warden, all.stormy.warden);
  out.add_answers("container", all.quiet.container, all.stormy.container);
  out.add_answers("nap", all.quiet.nap, all.stormy.nap);
  return std::move(out).take();
}

} // namespace

result<std::vector<metric>> measure_restart_storm(const run_options& options,
                                                  floor_client* floors) {
  auto host = reeve_host::start(0);
  if (!host)
    return pass(host);
  auto containers = populate_storm(**host, options);
  if (!containers)
    return pass(containers);
  measured all;
  for (std::size_t i = 0; i < options.rounds && !options.interrupted(); ++i)
    if (auto ok =
            measure_round(**host, *containers, options.processes, floors, all);
        !ok)
      return tl::make_unexpected(
          std::move(ok.error()).with_context("storm " + std::to_string(i + 1)));
  return rows_of(all);
}

} // namespace reeve::bench
