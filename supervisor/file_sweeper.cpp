// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/file_sweeper.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "kernel-iface/delete_tree.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

namespace reeve::supervisor {

namespace {

// A tree may take minutes, and whoever made it must not keep all others.
constexpr unsigned at_a_time = 4;

struct swept {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::swept)

namespace reeve::supervisor {

namespace {

using worker_actor =
    caf::typed_actor<caf::replies_to<sweep_files>::with<swept>>;

worker_actor::behavior_type worker(worker_actor::pointer self,
                                   const std::shared_ptr<services>& with) {
  return {
      [self, with](const sweep_files& msg) {
        self->quit();
        auto done = kernel::delete_tree(with->store->directory_of(msg.id),
                                        with->leaving);
        if (done && msg.ids != 0)
          with->ids->give_back(msg.ids);
        if (!done && done.error().code != ECANCELED)
          with->log->error("{}", to_string(done.error()));
        return swept{};
      },
  };
}

class sweeper_state {
public:
  static constexpr const char* name = "file_sweeper";

  using self_pointer = file_sweeper_actor::pointer;

  void init(self_pointer self, std::shared_ptr<services> with) {
    self_ = self;
    with_ = std::move(with);
  }

  void sweep(const sweep_files& msg) {
    waiting_.push_back(msg);
    go_on();
  }

  caf::result<sweeping_finished> finish() {
    auto promise = actors::owe<sweeping_finished>(self_);
    askers_.push_back(promise);
    go_on();
    return promise;
  }

private:
  void go_on() {
    for (; running_ < at_a_time && !waiting_.empty(); ++running_) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      self_
          ->request(self_->spawn<caf::detached>(worker, with_), caf::infinite,
                    next)
          .then([this](swept) { one_done(); },
                [this, next](const caf::error& err) {
                  with_->log->error("deleting the files of '{}': {}", next.id,
                                    actors::text_of(err));
                  one_done();
                });
    }
    if (running_ == 0)
      for (auto& promise : std::exchange(askers_, {}))
        promise.deliver(sweeping_finished{});
  }

  void one_done() {
    --running_;
    go_on();
  }

  self_pointer self_ = nullptr;
  std::shared_ptr<services> with_;
  std::deque<sweep_files> waiting_;
  unsigned running_ = 0;
  std::vector<actors::owed_answer<sweeping_finished>> askers_;
};

file_sweeper_actor::behavior_type
behavior(file_sweeper_actor::stateful_pointer<sweeper_state> self,
         const std::shared_ptr<services>& with) {
  self->state.init(self, with);
  auto s = actors::handlers_for(self);
  return {
      [=](const sweep_files& msg) { s->sweep(msg); },
      [=](finish_sweeping) { return s->finish(); },
  };
}

} // namespace

file_sweeper_actor spawn_file_sweeper(caf::actor_system& sys,
                                      std::shared_ptr<services> with) {
  return sys.spawn(behavior, std::move(with));
}

} // namespace reeve::supervisor
