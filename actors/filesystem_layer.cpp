// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/filesystem_layer.hpp"

#include "actors/error.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

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

// What may block happens here, one thread for all layers of a container at
// most, and only while there is such work.
using worker_actor =
    caf::typed_actor<caf::reacts_to<close_overlay>,
                     caf::replies_to<delete_layer>::with<layer_done>>;

worker_actor::behavior_type worker(worker_actor::pointer self) {
  return {
      [=](close_overlay& msg) {
        msg.overlay.reset();
        self->quit();
      },
      [=](const delete_layer& msg) -> caf::result<layer_done> {
        self->quit();
        if (auto ok = delete_tree(msg.directory); !ok)
          return make_error(ok.error());
        return layer_done{};
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
    // A throw-away overlay never syncs: nothing to keep.
    auto keep = msg.order.root.overlay.writes == kernel::durability::durable
                && !msg.order.root.overlay.upper_parent.empty();
    self_->request(broker_, caf::infinite, msg.order)
        .then(
            [this, promise, keep](const root_attached& done) mutable {
              if (keep)
                overlay_ = done.overlay;
              promise.deliver(layer_done{});
            },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  layer_done detach() {
    if (overlay_)
      self_->send(spawn_worker(), close_overlay{std::move(overlay_)});
    overlay_.reset();
    return {};
  }

  caf::result<layer_done> remove(const delete_layer& msg) {
    auto promise = self_->make_response_promise<layer_done>();
    self_->request(spawn_worker(), caf::infinite, msg)
        .then([promise](layer_done) mutable { promise.deliver(layer_done{}); },
              [promise](caf::error& err) mutable {
                promise.deliver(std::move(err));
              });
    return promise;
  }

private:
  worker_actor spawn_worker() {
    return self_->spawn<caf::detached>(worker);
  }

  self_pointer self_ = nullptr;
  mount_broker_actor broker_;
  shared_fd overlay_;
};

filesystem_layer_actor::behavior_type
behavior(filesystem_layer_actor::stateful_pointer<layer_state> self,
         const mount_broker_actor& broker) {
  self->state.init(self, broker);
  return {
      [=](const attach_layer& msg) { return self->state.attach(msg); },
      [=](detach_layer) { return self->state.detach(); },
      [=](const delete_layer& msg) { return self->state.remove(msg); },
  };
}

} // namespace

filesystem_layer_actor spawn_filesystem_layer(caf::actor_system& sys,
                                              mount_broker_actor broker) {
  return sys.spawn(behavior, std::move(broker));
}

} // namespace reeve::actors
