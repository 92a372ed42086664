// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/filesystem_layer.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

namespace reeve::actors {

namespace {

/// To the worker: looking at a root may ask a server, closing may sync a disk.
struct let_go_of_root {
  std::int32_t holder_pid = 0;
};

} // namespace

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::let_go_of_root)

namespace reeve::actors {

namespace {

constexpr std::chrono::duration<int, std::milli> longest_wait_for_end{10'000};

using worker_actor =
    caf::typed_actor<caf::replies_to<let_go_of_root>::with<layer_done>>;

// The root of PID 1 is the overlay, and nobody in the container can change
// that: its mount namespace is the host's. A pid that is another's by now costs
// a moment's reference to a wrong directory.
worker_actor::behavior_type worker(worker_actor::pointer self) {
  return {
      [=](const let_go_of_root& msg) -> caf::result<layer_done> {
        self->quit();
        auto path = "/proc/" + std::to_string(msg.holder_pid) + "/root";
        auto root = kernel::unique_fd::adopt(
            ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        pollfd end{
            static_cast<int>(::syscall(SYS_pidfd_open, msg.holder_pid, 0U)),
            POLLIN, 0};
        auto pidfd = kernel::unique_fd::adopt(end.fd);
        auto promise = owe<layer_done>(self);
        promise.deliver(layer_done{});
        // Let go of before PID 1, it would be PID 1's death that syncs.
        if (pidfd)
          (void)::poll(&end, 1, longest_wait_for_end.count());
        return promise;
      },
  };
}

class layer_state {
public:
  static constexpr const char* name = "filesystem_layer";

  using self_pointer = filesystem_layer_actor::pointer;

  void init(self_pointer self, mount_broker_actor broker) {
    self_ = self;
    broker_ = std::move(broker);
  }

  caf::result<layer_done> attach(const attach_layer& msg) {
    auto promise = owe<layer_done>(self_);
    self_->request(broker_, caf::infinite, msg.order)
        .then(
            [promise](root_attached) mutable { promise.deliver(layer_done{}); },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  caf::result<layer_done> detach(const detach_layer& msg) {
    if (msg.writes == kernel::durability::throw_away || msg.holder_pid <= 0)
      return layer_done{};
    auto promise = owe<layer_done>(self_);
    self_
        ->request(self_->spawn<caf::detached>(worker), caf::infinite,
                  let_go_of_root{msg.holder_pid})
        .then([promise](layer_done) mutable { promise.deliver(layer_done{}); },
              [promise](caf::error& err) mutable {
                promise.deliver(std::move(err));
              });
    return promise;
  }

private:
  self_pointer self_ = nullptr;
  mount_broker_actor broker_;
};

filesystem_layer_actor::behavior_type
behavior(filesystem_layer_actor::stateful_pointer<layer_state> self,
         const mount_broker_actor& broker) {
  self->state.init(self, broker);
  auto s = handlers_for(self);
  return {
      [=](const attach_layer& msg) { return s->attach(msg); },
      [=](const detach_layer& msg) { return s->detach(msg); },
  };
}

} // namespace

filesystem_layer_actor spawn_filesystem_layer(caf::actor_system& sys,
                                              mount_broker_actor broker) {
  return sys.spawn(behavior, std::move(broker));
}

} // namespace reeve::actors
