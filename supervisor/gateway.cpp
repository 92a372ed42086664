// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/gateway.hpp"

#include "actors/error.hpp"
#include "actors/owed_answer.hpp"

#include <caf/typed_event_based_actor.hpp>

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

api_actor::behavior_type gateway(api_actor::pointer self,
                                 const local_api_actor& to) {
  // Content that does not parse arrives as an empty message.
  self->set_default_handler(
      [](caf::scheduled_actor*,
         caf::message_view&) -> caf::result<caf::message> {
        return actors::make_error(actors::errc::invalid_argument,
                                  "the message could not be read");
      });
  relay<container_is> on_container{self, to};
  relay<process_started> on_start{self, to};
  relay<process_is> on_process{self, to};
  relay<limits_in_force> on_limits{self, to};
  return {
      [f = relay<container_created>{self, to}](const create_container& m) {
        return f(m);
      },
      [on_container](const destroy_container& m) { return on_container(m); },
      [on_container](const start_container& m) { return on_container(m); },
      [on_container](const stop_container& m) { return on_container(m); },
      [on_container](const pause_container& m) { return on_container(m); },
      [on_container](const resume_container& m) { return on_container(m); },
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
      [f = relay<container_list>{self, to}](const list_containers& m) {
        return f(m);
      },
      [f = relay<container_details>{self, to}](const get_container& m) {
        return f(m);
      },
      [f = relay<event_batch>{self, to}](const get_events& m) { return f(m); },
      [f = relay<image_list>{self, to}](const list_images& m) { return f(m); },
      [f = relay<daemon_info>{self, to}](const get_daemon& m) { return f(m); },
  };
}

} // namespace

api_actor spawn_gateway(caf::actor_system& sys, const local_api_actor& to) {
  return sys.spawn(gateway, to);
}

} // namespace reeve::supervisor
