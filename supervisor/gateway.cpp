// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/gateway.hpp"

#include "actors/error.hpp"
#include "actors/owed_answer.hpp"
#include "supervisor/lease_watch.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace reeve::supervisor {

namespace {

template <class Reply>
struct relay {
  api_actor::pointer self;
  local_api_actor to;

  template <class Request>
  caf::result<Reply> operator()(const Request& what) const {
    auto promise = actors::owe<Reply>(self);
    self->request(to, caf::infinite, what)
        .then([promise](
                  Reply& reply) mutable { promise.deliver(std::move(reply)); },
              [promise](caf::error& err) mutable {
                promise.deliver(std::move(err));
              });
    return promise;
  }
};

struct begin_upgrade {
  std::string program;
};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::begin_upgrade)

namespace reeve::supervisor {

namespace {

// It runs the other program, and so may block: it has a thread of its own.
using upgrader_actor =
    caf::typed_actor<caf::replies_to<upgrade_daemon>::with<daemon_upgrading>,
                     caf::reacts_to<begin_upgrade>>;

upgrader_actor::behavior_type
upgrader(upgrader_actor::pointer self,
         const std::shared_ptr<upgrade_desk>& desk) {
  // Time for the answer to leave.
  constexpr auto pause = std::chrono::milliseconds{50};
  return {
      [self, desk](const upgrade_daemon& msg) -> caf::result<daemon_upgrading> {
        auto program = desk->check(msg.program);
        if (!program) {
          self->quit();
          return actors::make_error(program.error());
        }
        self->delayed_send(self, pause, begin_upgrade{*program});
        return daemon_upgrading{*program};
      },
      [self, desk](const begin_upgrade& msg) {
        desk->ask_for(msg.program);
        self->quit();
      },
  };
}

api_actor::behavior_type gateway(api_actor::pointer self,
                                 const local_api_actor& to,
                                 const std::shared_ptr<upgrade_desk>& desk) {
  // Content that does not parse arrives as an empty message.
  self->set_default_handler(
      [](caf::scheduled_actor*,
         caf::message_view&) -> caf::result<caf::message> {
        return actors::make_error(actors::errc::invalid_argument,
                                  "the message could not be read");
      });
  // A client that is gone holds nothing any more.
  auto held = std::make_shared<lease_watch>();
  self->set_down_handler([self, to, held](const caf::down_msg& down) {
    auto let_go = [&](const auto& message) {
      self->request(to, caf::infinite, message)
          .then([](const container_is&) {},
                [](const caf::error&) {}); // the container has gone, too
    };
    auto all = held->end_of(down.source);
    for (const auto& [container, holder] : all.containers)
      let_go(release_container{container, holder});
    for (const auto& [container, holder] : all.pauses)
      let_go(resume_container{container, holder});
  });
  auto note_hold = [self, held](const auto& what) {
    auto client = caf::actor_cast<caf::actor_addr>(self->current_sender());
    if (client && held->note(client, what))
      self->monitor(client);
  };
  relay<container_is> on_container{self, to};
  relay<process_started> on_start{self, to};
  relay<process_is> on_process{self, to};
  relay<limits_in_force> on_limits{self, to};
  relay<oom_status> on_oom{self, to};
  return {
      [f = relay<container_created>{self, to}](const create_container& m) {
        return f(m);
      },
      [on_container](const destroy_container& m) { return on_container(m); },
      [on_container](const start_container& m) { return on_container(m); },
      [on_container](const stop_container& m) { return on_container(m); },
      [note_hold, on_container](const pause_container& m) {
        if (m.holder != 0)
          note_hold(m);
        return on_container(m);
      },
      [self, held, on_container](const resume_container& m) {
        held->note(caf::actor_cast<caf::actor_addr>(self->current_sender()), m);
        return on_container(m);
      },
      [note_hold, on_container](const hold_container& m) {
        note_hold(m);
        return on_container(m);
      },
      [self, held, on_container](const release_container& m) {
        held->note(caf::actor_cast<caf::actor_addr>(self->current_sender()), m);
        return on_container(m);
      },
      [on_start](const run_process& m) { return on_start(m); },
      [on_start](const start_process& m) { return on_start(m); },
      [on_process](const stop_process& m) { return on_process(m); },
      [on_process](const remove_process& m) { return on_process(m); },
      [on_process](const signal_process& m) { return on_process(m); },
      [on_process](const resize_terminal& m) { return on_process(m); },
      [on_process](const write_input& m) { return on_process(m); },
      [f = relay<output_chunk>{self, to}](const read_output& m) {
        return f(m);
      },
      [on_process](const wait_process& m) { return on_process(m); },
      [on_limits](const set_limits& m) { return on_limits(m); },
      [on_limits](const get_limits& m) { return on_limits(m); },
      [f = relay<effective_limits>{self, to}](const get_effective_limits& m) {
        return f(m);
      },
      [f = relay<limits_changes>{self, to}](const set_limits_of_all& m) {
        return f(m);
      },
      [f = relay<memory_reclaimed>{self, to}](const reclaim_memory& m) {
        return f(m);
      },
      [on_oom](const get_oom& m) { return on_oom(m); },
      [on_oom](const decide_oom& m) { return on_oom(m); },
      [f = relay<container_stats>{self, to}](const get_stats& m) {
        return f(m);
      },
      [f = relay<stats_list>{self, to}](const get_stats_of_all& m) {
        return f(m);
      },
      [f = relay<container_list>{self, to}](const list_containers& m) {
        return f(m);
      },
      [f = relay<container_details>{self, to}](const get_container& m) {
        return f(m);
      },
      [f = relay<event_batch>{self, to}](const get_events& m) { return f(m); },
      [f = relay<image_list>{self, to}](const list_images& m) { return f(m); },
      [f = relay<daemon_info>{self, to}](const get_daemon& m) { return f(m); },
      [self, desk](const upgrade_daemon& m) {
        auto promise = actors::owe<daemon_upgrading>(self);
        self->request(self->spawn<caf::detached>(upgrader, desk), caf::infinite,
                      m)
            .then(
                [promise](daemon_upgrading& done) mutable {
                  promise.deliver(std::move(done));
                },
                [promise](caf::error& err) mutable {
                  promise.deliver(std::move(err));
                });
        return caf::result<daemon_upgrading>{promise};
      },
  };
}

} // namespace

api_actor spawn_gateway(caf::actor_system& sys, const local_api_actor& to,
                        std::shared_ptr<upgrade_desk> desk) {
  return sys.spawn(gateway, to, std::move(desk));
}

} // namespace reeve::supervisor
