// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/filesystem_layer.hpp"

#include "actors/error.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>

namespace reeve::actors {

namespace {

/// To the worker: closing may sync a file system.
struct close_overlay {
  shared_fd overlay;
};

} // namespace

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::close_overlay)

namespace reeve::actors {

namespace {

using worker_actor = caf::typed_actor<caf::reacts_to<close_overlay>>;

worker_actor::behavior_type worker(worker_actor::pointer self) {
  return {
      [=](close_overlay& msg) {
        msg.overlay.reset();
        self->quit();
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
    auto promise = self_->make_response_promise<layer_done>();
    self_->request(broker_, caf::infinite, msg.order)
        .then(
            [promise](root_attached) mutable { promise.deliver(layer_done{}); },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  // The root of PID 1 is the overlay, and nobody in the container can change
  // that: its mount namespace is the host's. A pid that is another's by now
  // costs a moment's reference to a wrong directory.
  layer_done detach(const detach_layer& msg) {
    if (msg.writes == kernel::durability::throw_away || msg.holder_pid <= 0)
      return {};
    auto path = "/proc/" + std::to_string(msg.holder_pid) + "/root";
    auto root = kernel::unique_fd::adopt(
        ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root)
      self_->send(
          self_->spawn<caf::detached>(worker),
          close_overlay{std::make_shared<kernel::unique_fd>(std::move(root))});
    return {};
  }

private:
  self_pointer self_ = nullptr;
  mount_broker_actor broker_;
};

filesystem_layer_actor::behavior_type
behavior(filesystem_layer_actor::stateful_pointer<layer_state> self,
         const mount_broker_actor& broker) {
  self->state.init(self, broker);
  return {
      [=](const attach_layer& msg) { return self->state.attach(msg); },
      [=](const detach_layer& msg) { return self->state.detach(msg); },
  };
}

} // namespace

filesystem_layer_actor spawn_filesystem_layer(caf::actor_system& sys,
                                              mount_broker_actor broker) {
  return sys.spawn(behavior, std::move(broker));
}

} // namespace reeve::actors
