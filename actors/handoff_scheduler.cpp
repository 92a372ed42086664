// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/handoff_scheduler.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace reeve::actors {

namespace {

constexpr std::size_t max_messages = 50;

// Two actors that answer each other for ever must not keep a worker from what
// the others wait for.
constexpr unsigned longest_chain = 32;

// What CAF's coordinator and worker templates ask of a policy.
class handoff : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}

    std::mutex mutex;
    std::condition_variable not_empty;
    std::deque<caf::resumable*> queue;
    std::size_t idle = 0; ///< workers that wait
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}

    // Touched by its own thread only.
    caf::resumable* next = nullptr;
    unsigned in_a_row = 0;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    auto& shared = d(self);
    auto wake = false;
    {
      std::lock_guard guard{shared.mutex};
      shared.queue.push_back(job);
      wake = shared.idle > 0;
    }
    if (wake)
      shared.not_empty.notify_one();
  }

  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }

  // By an actor that this worker is running.
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    if (auto* before = std::exchange(d(self).next, job))
      central_enqueue(self->parent(), before);
  }

  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& own = d(self);
    if (auto* job = std::exchange(own.next, nullptr)) {
      if (++own.in_a_row <= longest_chain)
        return job;
      central_enqueue(self->parent(), job);
    }
    own.in_a_row = 0;
    auto& shared = d(self->parent());
    std::unique_lock guard{shared.mutex};
    ++shared.idle;
    shared.not_empty.wait(guard, [&] { return !shared.queue.empty(); });
    --shared.idle;
    auto* job = shared.queue.front();
    shared.queue.pop_front();
    return job;
  }

  // A worker that is shut down hands on what it kept.
  template <class Worker>
  void before_shutdown(Worker* self) {
    if (auto* job = std::exchange(d(self).next, nullptr))
      central_enqueue(self->parent(), job);
  }

  template <class Worker, class Visitor>
  void foreach_resumable(Worker*, Visitor) {}

  template <class Coordinator, class Visitor>
  void foreach_central_resumable(Coordinator* self, Visitor visit) {
    auto& shared = d(self);
    // What is visited may queue others as it ends.
    for (;;) {
      std::deque<caf::resumable*> jobs;
      {
        std::lock_guard guard{shared.mutex};
        jobs.swap(shared.queue);
      }
      if (jobs.empty())
        return;
      for (auto* job : jobs)
        visit(job);
    }
  }
};

} // namespace

void use_handoff_scheduler(caf::actor_system_config& cfg) {
  if (!caf::get_if<std::size_t>(&cfg, "scheduler.max-throughput"))
    cfg.set("scheduler.max-throughput", max_messages);
  cfg.module_factories.push_back(
      [](caf::actor_system& sys) -> caf::actor_system::module* {
        return caf::scheduler::coordinator<handoff>::make(sys, {});
      });
}

} // namespace reeve::actors
