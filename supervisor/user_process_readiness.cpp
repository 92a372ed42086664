// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Whether a process serves: by the word of PID 1, a port, or a command.

#include "kernel-iface/listening_port.hpp"
#include "supervisor/user_process_state.hpp"

#include <csignal>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;

namespace {

// A command that asks a process whether it is ready is ended then, and has said
// no.
constexpr auto longest_probe = 5s;

} // namespace

void process_actor_state::on(const process_ready& event) {
  apply(process_event::became_ready{run_of(event.process)});
}

void process_actor_state::on(look_whether_ready event) {
  if (event.run != state_.run || state_.phase != process_phase::running
      || state_.ready || state_.overdue)
    return;
  if (pidfd_)
    find_pid();
  if (state_.suspended || info_.pid == 0)
    return watch_readiness();
  const auto& how = *how_.spec.ready;
  if (!how.port)
    return probe();
  auto found = kernel::has_listener(info_.pid, *how.port);
  if (found && *found)
    apply(process_event::became_ready{event.run});
  else
    watch_readiness();
}

void process_actor_state::on(probe_deadline event) {
  if (event.probe == probe_)
    kill_probe(event.probe);
}

// A descriptor is watched by PID 1, which tells.
void process_actor_state::watch_readiness() {
  if (state_.phase == process_phase::running && !state_.ready
      && !how_.spec.ready->fd && !how_.spec.ready->exit)
    self_->delayed_send(self_, how_.spec.ready->interval,
                        look_whether_ready{state_.run});
}

// Runs the command as the process is run, in a number of its own.
void process_actor_state::probe() {
  auto spec = how_.spec;
  spec.argv = how_.spec.ready->command;
  spec.stdio = config::stdio_mode::null;
  spec.ready.reset();
  probe_ =
      holder_number(how_.serial, probe_bit | (next_probe_++ & (probe_bit - 1)));
  actors::spawn_process msg;
  msg.order = make_spawn_order(probe_, spec, {}, bounds());
  self_->request(holder_, caf::infinite, std::move(msg))
      .then(
          [this, probe = probe_](const actors::process_spawned& done) {
            if (done.error == 0)
              return;
            if (holder_)
              caf::anon_send(holder_, actors::acknowledge_end{probe});
            probe_over(probe, false);
          },
          [this, probe = probe_](const caf::error&) {
            probe_over(probe, false);
          });
  self_->delayed_send(self_, longest_probe, probe_deadline{probe_});
}

void process_actor_state::probe_over(std::uint64_t probe, bool says_yes) {
  if (probe != probe_)
    return;
  probe_ = 0;
  if (says_yes)
    apply(process_event::became_ready{state_.run});
  else
    watch_readiness();
}

void process_actor_state::end_probe(const end_process& msg) {
  if (holder_)
    caf::anon_send(holder_, actors::acknowledge_end{msg.process});
  auto how = reason_of(msg.end);
  probe_over(msg.process, how == exit_reason::exited(0));
}

void process_actor_state::kill_probe(std::uint64_t probe) {
  if (holder_)
    self_
        ->request(holder_, caf::infinite,
                  actors::signal_holder_process{{probe, SIGKILL, true}})
        .then([](actors::holder_done) {}, [](const caf::error&) {});
}

} // namespace reeve::supervisor
