// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/handoff_scheduler.hpp"

#include "tests/support/catch.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;
using reeve::actors::use_handoff_scheduler;

struct config : caf::actor_system_config {
  explicit config(std::size_t threads) {
    set("scheduler.max-threads", threads);
    set("logger.console", caf::atom("none"));
    use_handoff_scheduler(*this);
  }
};

/// Runs `work` once, for each number that it gets. Begins with the first: else
/// the spawning runs it, too, on any thread.
caf::actor spawn_worker(caf::actor_system& sys, std::function<void(int)> work) {
  return sys.spawn<caf::lazy_init>(
      [work = std::move(work)](caf::event_based_actor*) {
        return caf::behavior{[work](int n) { work(n); }};
      });
}

} // namespace

TEST_CASE("handoff_scheduler: a chain of actors runs on one thread",
          "[actors][handoff_scheduler]") {
  config cfg{4};
  caf::actor_system sys{cfg};
  CHECK(sys.scheduler().num_workers() == 4);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::promise<void> done;
  auto next = spawn_worker(sys, [&](int) {
    threads.insert(std::this_thread::get_id());
    done.set_value();
  });
  for (auto i = 0; i < 10; ++i)
    next = sys.spawn<caf::lazy_init>([&, next](caf::event_based_actor* self) {
      return caf::behavior{[&, self, next](int n) {
        std::lock_guard guard{mutex};
        threads.insert(std::this_thread::get_id());
        self->send(next, n);
      }};
    });
  caf::anon_send(next, 1);
  REQUIRE(done.get_future().wait_for(10s) == std::future_status::ready);
  CHECK(threads.size() == 1);
}

TEST_CASE("handoff_scheduler: what one actor wakes together runs in parallel",
          "[actors][handoff_scheduler]") {
  config cfg{3};
  caf::actor_system sys{cfg};
  // Each waits for the other two: on fewer threads nobody would ever finish.
  std::atomic<int> here{0};
  std::atomic<int> met{0};
  std::promise<void> done;
  auto meet = [&](int) {
    ++here;
    auto until = std::chrono::steady_clock::now() + 10s;
    while (here < 3 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    if (here == 3 && ++met == 3)
      done.set_value();
  };
  auto first = spawn_worker(sys, meet);
  auto second = spawn_worker(sys, meet);
  auto third = spawn_worker(sys, meet);
  auto root = sys.spawn([=](caf::event_based_actor* self) {
    return caf::behavior{[=](int n) {
      for (const auto& whom : {first, second, third})
        self->send(whom, n);
    }};
  });
  caf::anon_send(root, 1);
  REQUIRE(done.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("handoff_scheduler: two that answer each other for ever leave room "
          "for others",
          "[actors][handoff_scheduler]") {
  config cfg{1};
  caf::actor_system sys{cfg};
  std::atomic<bool> stop{false};
  auto player = [&](caf::event_based_actor* self) {
    return caf::behavior{[&stop, self](int n) {
      if (!stop)
        self->send(caf::actor_cast<caf::actor>(self->current_sender()), n);
    }};
  };
  auto one = sys.spawn(player);
  auto other = sys.spawn(player);
  caf::send_as(one, other, 1);
  std::promise<void> done;
  caf::anon_send(spawn_worker(sys, [&](int) { done.set_value(); }), 1);
  auto served = done.get_future().wait_for(10s);
  stop = true;
  CHECK(served == std::future_status::ready);
}

TEST_CASE("handoff_scheduler: every message of many senders arrives, and the "
          "system ends",
          "[actors][handoff_scheduler]") {
  constexpr auto senders = 4;
  constexpr auto each = 20'000;
  std::atomic<int> arrived{0};
  {
    config cfg{2};
    caf::actor_system sys{cfg};
    auto sink = spawn_worker(sys, [&](int) { ++arrived; });
    auto relay = sys.spawn([sink](caf::event_based_actor* self) {
      return caf::behavior{[=](int n) { self->send(sink, n); }};
    });
    std::vector<std::thread> threads;
    for (auto i = 0; i < senders; ++i)
      threads.emplace_back([&] {
        for (auto n = 0; n < each; ++n)
          caf::anon_send(n % 2 == 0 ? sink : relay, n);
      });
    for (auto& t : threads)
      t.join();
    auto until = std::chrono::steady_clock::now() + 30s;
    while (arrived < senders * each && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  CHECK(arrived == senders * each);
}
