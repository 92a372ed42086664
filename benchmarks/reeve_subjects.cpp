// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/reeve_subjects.hpp"

#include "benchmarks/exec_watch.hpp"
#include "benchmarks/reeve_host.hpp"
#include "benchmarks/stopwatch.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace reeve::bench {

using namespace std::chrono_literals;
using namespace supervisor;
using kernel::result;

namespace {

using subjects = result<std::vector<subject>>;
using shared_host = std::shared_ptr<reeve_host>;
using shared_daemon = std::shared_ptr<reeve_daemon>;

// The creates of a scenario never wait for a kit, whatever their order.
constexpr auto warm_pool = 2U;

template <class T>
tl::unexpected<kernel::sys_error> pass(result<T>& failed) {
  return tl::make_unexpected(std::move(failed.error()));
}

/// A host with one running container, `box`.
result<shared_host> host_with_box() {
  auto host = reeve_host::start(0);
  if (!host)
    return pass(host);
  if (auto ok = (*host)->create("box"); !ok)
    return pass(ok);
  return shared_host{std::move(*host)};
}

result<shared_daemon> daemon_with_box() {
  auto daemon = reeve_daemon::start(0);
  if (!daemon)
    return pass(daemon);
  if (auto ok = (*daemon)->create("box"); !ok)
    return pass(ok);
  return shared_daemon{std::move(*daemon)};
}

/// Times what `part` does.
template <class Part>
result<duration> timed(Part part) {
  const auto watch = stopwatch{};
  auto ok = part();
  const auto took = watch.elapsed();
  if (!ok)
    return pass(ok);
  return took;
}

// -- exec ---------------------------------------------------------------------

result<duration> exec_once(reeve_host& host) {
  const run_process order{0, "box", process_of("true", {"/bin/true"}), false};
  const auto watch = stopwatch{};
  auto started = host.ask<process_started>(order);
  if (!started)
    return pass(started);
  auto ended = host.ask<process_is>(wait_process{"box", "true", 10'000});
  const auto took = watch.elapsed();
  if (!ended)
    return pass(ended);
  if (ended->info.last != exit_reason::exited(0))
    return kernel::make_error(0, "run true", to_string(ended->info.last));
  if (auto ok = host.ask<process_is>(remove_process{"box", "true"}); !ok)
    return pass(ok);
  return took;
}

subjects exec_subjects(const run_options&) {
  auto host = host_with_box();
  if (!host)
    return pass(host);
  return std::vector<subject>{
      {"end_to_end", [h = *host] { return exec_once(*h); }},
      {"reeve_exec", [daemon = daemon_with_box()]() -> result<duration> {
         if (!daemon)
           return tl::make_unexpected(daemon.error());
         return (*daemon)->console({"exec", "box", "--", "true"});
       }}};
}

// -- create and destroy -------------------------------------------------------

subject_factory create_subjects(unsigned pool_size) {
  return [pool_size](const run_options&) -> subjects {
    auto started = reeve_host::start(pool_size);
    if (!started)
      return pass(started);
    auto once = [host =
                     shared_host{std::move(*started)}]() -> result<duration> {
      if (auto ok = host->await_pool(); !ok)
        return pass(ok);
      auto took = timed([&] { return host->create("fresh"); });
      if (!took)
        return took;
      if (auto ok = host->destroy("fresh"); !ok)
        return pass(ok);
      return took;
    };
    return std::vector<subject>{{"end_to_end", once}};
  };
}

result<duration> destroy_once(reeve_host& host, bool with_process) {
  if (auto ok = host.await_pool(); !ok)
    return pass(ok);
  if (auto ok = host.create("victim"); !ok)
    return pass(ok);
  const run_process order{0, "victim",
                          process_of("sleep", {"/bin/sleep", "1000"}), false};
  if (with_process)
    if (auto ok = host.ask<process_started>(order); !ok)
      return pass(ok);
  if (auto ok = host.await_pool(); !ok)
    return pass(ok);
  return timed([&] { return host.destroy("victim"); });
}

subjects destroy_subjects(const run_options&) {
  auto started = reeve_host::start(warm_pool);
  if (!started)
    return pass(started);
  auto host = shared_host{std::move(*started)};
  return std::vector<subject>{
      {"end_to_end", [host] { return destroy_once(*host, false); }},
      {"with_a_process", [host] { return destroy_once(*host, true); }}};
}

// -- set ----------------------------------------------------------------------

subjects set_subjects(const run_options&) {
  auto host = host_with_box();
  if (!host)
    return pass(host);
  auto once = [h = *host, high = false]() mutable {
    high = !high;
    const set_limits order{"box", {{"memory.limit", high ? "128M" : "64M"}}};
    return timed([&] { return h->ask<limits_in_force>(order); });
  };
  return std::vector<subject>{{"end_to_end", once}};
}

// -- restart ------------------------------------------------------------------

/// Follows the events of `box` up to a start of `sleep`; that event is made
/// when PID 1 has reported the exec. Returns its number.
result<std::uint64_t> await_start(reeve_host& host, std::uint64_t after) {
  for (;;) {
    auto batch = host.ask<event_batch>(get_events{after, 100, 10'000});
    if (!batch)
      return pass(batch);
    if (batch->events.empty())
      return kernel::make_error(ETIMEDOUT, "wait for the restart of 'sleep'");
    for (const auto& item : batch->events)
      if (item.kind == event_kind::process_started && item.process == "sleep")
        return item.seq;
    after = batch->last;
  }
}

/// What a restart begins with.
struct victim {
  pid_t pid = -1;
  std::uint64_t last_event = 0;
};

result<victim> next_victim(reeve_host& host) {
  auto now = host.ask<process_is>(wait_process{"box", "sleep", 0});
  if (!now)
    return pass(now);
  auto events = host.ask<event_batch>(get_events{~std::uint64_t{0}, 1, 0});
  if (!events)
    return pass(events);
  return victim{now->info.pid, events->last};
}

result<void> kill(const victim& whom) {
  if (::kill(whom.pid, SIGKILL) != 0)
    return kernel::last_error("kill", "the process in 'box'");
  return {};
}

/// To the exec. Nobody asks Reeve anything meanwhile: on a machine with two
/// processors that would be a part of the time.
result<duration> restart_once(reeve_host& host, exec_watch& execs) {
  auto first = next_victim(host);
  if (!first)
    return pass(first);
  execs.clear();
  const auto begin = std::chrono::steady_clock::now();
  if (auto ok = kill(*first); !ok)
    return pass(ok);
  if (auto ok = execs.await_any(); !ok)
    return pass(ok);
  if (auto seen = await_start(host, first->last_event); !seen)
    return pass(seen);
  auto next = host.ask<process_is>(wait_process{"box", "sleep", 0});
  if (!next)
    return pass(next);
  auto exec = execs.last_exec_of(next->info.pid);
  if (!exec)
    return kernel::make_error(ESRCH, "find", "the exec of the next process");
  return *exec - begin;
}

/// To the news of it.
result<duration> hear_of_restart_once(reeve_host& host) {
  auto first = next_victim(host);
  if (!first)
    return pass(first);
  const auto watch = stopwatch{};
  if (auto ok = kill(*first); !ok)
    return pass(ok);
  auto seen = await_start(host, first->last_event);
  const auto took = watch.elapsed();
  if (!seen)
    return pass(seen);
  return took;
}

subjects restart_subjects(const run_options&) {
  auto host = host_with_box();
  if (!host)
    return pass(host);
  auto sleep = process_of("sleep", {"/bin/sleep", "1000"});
  sleep.restart.type = config::restart_type::permanent;
  sleep.restart.max_restarts = 1'000'000;
  sleep.restart.window = 1ms;
  sleep.restart.backoff_min = 0ms;
  sleep.restart.backoff_max = 0ms;
  const run_process order{0, "box", sleep, false};
  if (auto ok = (*host)->ask<process_started>(order); !ok)
    return pass(ok);
  auto watch = exec_watch::open();
  if (!watch)
    return pass(watch);
  auto execs = std::make_shared<exec_watch>(std::move(*watch));
  return std::vector<subject>{
      {"end_to_end", [h = *host, execs] { return restart_once(*h, *execs); }},
      {"event", [h = *host] { return hear_of_restart_once(*h); }}};
}

// -- messages -----------------------------------------------------------------

/// The last of several, as in the floor.
template <class Reply, class Reeve, class Message>
result<duration> ask_timed(Reeve& whom, const Message& what) {
  auto took = timed([&] { return whom.template ask<Reply>(what); });
  for (int i = 0; i < untimed_trips && took; ++i)
    took = timed([&] { return whom.template ask<Reply>(what); });
  return took;
}

/// The state of a process takes the way through the actors of its container
/// and of the process; the warden answers a list by itself.
template <class Reeve>
std::vector<subject> question_subjects(std::shared_ptr<Reeve> whom) {
  return {
      {"end_to_end",
       [whom] {
         return ask_timed<process_is>(*whom, wait_process{"box", "sleep", 0});
       }},
      {"warden_list",
       [whom] { return ask_timed<container_list>(*whom, list_containers{}); }}};
}

template <class Reeve>
subjects with_sleeper(result<std::shared_ptr<Reeve>> whom) {
  if (!whom)
    return pass(whom);
  const run_process order{0, "box", process_of("sleep", {"/bin/sleep", "1000"}),
                          false};
  if (auto ok = (*whom)->template ask<process_started>(order); !ok)
    return pass(ok);
  return question_subjects(std::move(*whom));
}

} // namespace

void provide_reeve(registry& to) {
  to.provide("exec", exec_subjects);
  to.provide("create_warm", create_subjects(warm_pool));
  to.provide("create_cold", create_subjects(0));
  to.provide("destroy", destroy_subjects);
  to.provide("set", set_subjects);
  to.provide("restart", restart_subjects);
  to.provide("message_in_process",
             [](const run_options&) { return with_sleeper(host_with_box()); });
  to.provide("message_between_processes", [](const run_options&) {
    return with_sleeper(daemon_with_box());
  });
  to.provide_ramp("density", measure_density);
  to.provide_ramp("stats", measure_watching);
  to.provide_ramp("restart_storm", measure_restart_storm);
}

} // namespace reeve::bench
