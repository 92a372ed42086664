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
#include <utility>
#include <vector>

namespace reeve::supervisor {

namespace {

// A tree may take minutes, and whoever made it must not keep all others.
constexpr unsigned at_a_time = 4;

struct delete_files {
  unswept what;
};

struct files_deleted {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::delete_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::files_deleted)

namespace reeve::supervisor {

namespace {

using worker_actor =
    caf::typed_actor<caf::replies_to<delete_files>::with<files_deleted>>;

worker_actor::behavior_type worker(worker_actor::pointer self,
                                   const std::shared_ptr<services>& with) {
  return {
      [self, with](const delete_files& msg) {
        self->quit();
        const auto& [id, ids] = msg.what;
        auto done =
            kernel::delete_tree(with->store->directory_of(id), with->leaving);
        with->unswept.done(id);
        if (done && ids != 0)
          with->ids->give_back(ids);
        if (!done && done.error().code != ECANCELED)
          with->log->error("{}", to_string(done.error()));
        return files_deleted{};
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
    with_->unswept.put_back_all(); // of a sweeper that failed
    go_on();
  }

  void go_on() {
    while (running_ < at_a_time) {
      auto next = with_->unswept.take();
      if (!next)
        break;
      ++running_;
      self_
          ->request(self_->spawn<caf::detached>(worker, with_), caf::infinite,
                    delete_files{*next})
          .then([this](files_deleted) { one_done(); },
                [this, id = next->id](const caf::error& err) {
                  with_->log->error("deleting the files of '{}': {}", id,
                                    actors::text_of(err));
                  with_->unswept.done(id);
                  one_done();
                });
    }
    if (running_ == 0)
      for (auto& promise : std::exchange(askers_, {}))
        promise.deliver(sweeping_finished{});
  }

  caf::result<sweeping_finished> finish() {
    auto promise = actors::owe<sweeping_finished>(self_);
    askers_.push_back(promise);
    go_on();
    return promise;
  }

private:
  void one_done() {
    --running_;
    go_on();
  }

  self_pointer self_ = nullptr;
  std::shared_ptr<services> with_;
  unsigned running_ = 0;
  std::vector<actors::owed_answer<sweeping_finished>> askers_;
};

file_sweeper_actor::behavior_type
sweeper_behavior(file_sweeper_actor::stateful_pointer<sweeper_state> self,
                 const std::shared_ptr<services>& with) {
  self->state.init(self, with);
  auto s = actors::handlers_for(self);
  return {
      [=](sweep_files) { s->go_on(); },
      [=](finish_sweeping) { return s->finish(); },
  };
}

} // namespace

file_sweeper_actor spawn_file_sweeper(caf::actor_system& sys,
                                      std::shared_ptr<services> with) {
  return sys.spawn(sweeper_behavior, std::move(with));
}

} // namespace reeve::supervisor
