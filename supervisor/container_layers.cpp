// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The work of the container: each layer made and undone.

#include "actors/failure.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"

#include <caf/send.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace reeve::supervisor {

using actors::make_error;

void container_actor_state::make(layer what, std::uint64_t serial) {
  switch (what) {
  case layer::cgroup:
    return make_cgroup(serial);
  case layer::holder:
    return make_holder(serial);
  case layer::file_system:
    return ask(serial, layer_,
               actors::attach_layer{
                   make_attach_order(record_.spec, *kit_, *with_->store)},
               [this, serial](actors::layer_done) { finished(serial); });
  case layer::configure:
    return make_configured(serial);
  case layer::processes:
    return make_processes(serial);
  case layer::nested:
    return finished(serial); // others do
  case layer::freezer:
    return ask(serial, controller_, actors::freeze_cgroup{},
               [this, serial](actors::cgroup_done) { finished(serial); });
  }
}

void container_actor_state::make_cgroup(std::uint64_t serial) {
  auto above = config::parent_of(record_.spec.name);
  // Of an older daemon, for which such a name was only a name.
  auto is_apart = !record_.id.empty() && !is_nested(record_);
  if (above.empty() || is_apart)
    return join_others(serial);
  awaits_parent_ = true;
  ask(serial, how_.directory, resolve_group{std::string{above}},
      [this, serial](const group_resolved& found) {
        if (!is_current(serial))
          return;
        awaits_parent_ = false;
        within_ = found.path;
        join_others(serial);
      });
}

// It may be waiting for us, too.
void container_actor_state::stop_waiting_for_parent() {
  auto waits = awaits_parent_
               && state_.doing == work{work::direction::make, layer::cgroup};
  if (waits && state_.heading == work::direction::make)
    return;
  awaits_parent_ = false;
  if (waits)
    failed(state_.serial,
           make_error(actors::errc::gone, "it was not waited for any more"));
}

void container_actor_state::join_others(std::uint64_t serial) {
  auto names = joined_containers(record_.spec);
  if (names.empty())
    return take_kit_for(serial, {});
  // One after the other: there are eight kinds at most.
  resolve_joined(serial, std::move(names), {});
}

void container_actor_state::resolve_joined(
    std::uint64_t serial, std::vector<std::string> names,
    std::map<std::string, holder_resolved> holders) {
  if (names.empty())
    return take_kit_for(serial, holders);
  auto name = names.back();
  names.pop_back();
  ask(serial, how_.directory, resolve_holder{name},
      [this, serial, name, names = std::move(names),
       holders = std::move(holders)](const holder_resolved& found) mutable {
        if (!is_current(serial))
          return;
        holders.emplace(name, found);
        resolve_joined(serial, std::move(names), std::move(holders));
      });
}

void container_actor_state::take_kit_for(
    std::uint64_t serial,
    const std::map<std::string, holder_resolved>& holders) {
  if (ids_refused_ && !claim_ids()) // what refused them may be over
    return failed(serial, make_error(*ids_refused_));
  auto request = make_kit_request(record_.spec, holders);
  if (!request)
    return failed(serial, make_error(request.error()));
  request->id = record_.id;
  request->uid_base = record_.uid_base;
  request->within = within_;
  ask(serial, how_.pool, take_kit{std::move(*request)},
      [this, serial](const shared_kit& made) {
        if (!is_current(serial))
          return; // too late: nobody claims it, so the pool has it back
        made->is_claimed = true;
        kit_ = made;
        record_.id = made->id;
        record_.uid_base = made->uid_base;
        record_.group = made->cgroup->path();
        record_.holder_pid = made->holder_pid;
        record_.holder_start_time = made->holder_start_time;
        record_.boot_id = with_->boot_id;
        if (creating_) {
          add_declared(); // now that there is a place for their output
          publish({});    // whoever clears up after us knows what
        }
        own_cgroup(serial);
      });
}

void container_actor_state::control_cgroup() {
  freezer_ = std::make_shared<kernel::shared_freezer>(*kit_->cgroup);
  controller_ = actors::spawn_cgroup_controller(
      self_->system(),
      {kit_->cgroup, with_->config.deadlines.kill, with_->control.get(),
       with_->stats_descriptors, how_.with, freezer_});
  self_->monitor(controller_);
}

void container_actor_state::own_cgroup(std::uint64_t serial) {
  oom_witness_->begin(kit_->oom);
  note_usual_rlimits();
  is_empty_ = false;
  control_cgroup();
  ask(serial, controller_, actors::apply_limits{{record_.spec.limits}},
      [this, serial](const actors::limit_readings&) {
        if (!is_current(serial))
          return finished(serial);
        watch_memory();
        watch_dirty_pages();
        check_rlimits(serial);
      });
}

void container_actor_state::make_holder(std::uint64_t serial) {
  listen();
  finished(serial);
}

void container_actor_state::listen() {
  auto me = caf::actor_cast<internal_container_actor>(self_);
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
  ++generation_;
  actors::holder_listener to;
  to.on_ended = [weak](std::uint64_t process,
                       const kernel::holder::end_of_process& end) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                     end_process{process, end});
  };
  to.on_late_start = [weak](actors::process_spawned report) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                     late_start{std::move(report)});
  };
  to.on_ready = [weak](std::uint64_t process) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                     ready_process{process});
  };
  to.on_lost = [weak, n = generation_](const std::string&) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_container_actor>(strong),
                     holder_gone{n});
  };
  self_->send(kit_->holder, actors::listen_to_holder{std::move(to)});
  self_->monitor(kit_->holder);
  serve_limits();
}

void container_actor_state::make_configured(std::uint64_t serial) {
  actors::configure_holder msg;
  if (record_.spec.namespaces.uts.mode == config::namespace_mode::isolated)
    msg.order.hostname = config::hostname_of(record_.spec);
  auto keep = record_.spec.on_owner_loss.action == config::owner_loss::keep;
  msg.order.on_owner_loss = keep ? kernel::holder::owner_loss::keep
                                 : kernel::holder::owner_loss::stop;
  msg.order.owner_loss_grace_ms =
      static_cast<std::uint32_t>(record_.spec.on_owner_loss.grace.count());
  ask(serial, kit_->holder, std::move(msg),
      [this, serial](actors::holder_configured) {
        if (!is_current(serial))
          return;
        record_.rebuilds = to_text(state_.rebuilds.state());
        if (!creating_)
          if (auto ok = with_->store->save(record_); !ok)
            return failed(serial, make_error(ok.error()));
        kit_->holder_pidfd.reset(); // until it is to be ended
        finished(serial);
      });
}

void container_actor_state::undo(layer what, std::uint64_t serial) {
  switch (what) {
  case layer::freezer:
    if (!controller_)
      return finished(serial);
    return ask(serial, controller_, actors::thaw_cgroup{},
               [this, serial](actors::cgroup_done) { finished(serial); });
  case layer::processes:
    return undo_processes(serial);
  case layer::nested:
    return undo_nested(serial);
  case layer::configure:
    return finished(serial);
  case layer::file_system:
    return ask(serial, layer_,
               actors::detach_layer{kit_ ? kit_->holder_pid : 0,
                                    writes_of(record_.spec)},
               [this, serial](actors::layer_done) { finished(serial); });
  case layer::holder:
    return undo_holder(serial);
  case layer::cgroup:
    return undo_cgroup(serial);
  }
}

// Whatever the reason is: they are in our groups.
void container_actor_state::undo_nested(std::uint64_t serial) {
  ask(serial, how_.directory,
      take_down_nested{how_.key, state_.grace ? state_.grace->count() : -1,
                       state_.goal == container_phase::destroyed},
      [this, serial](nested_down) { finished(serial); });
}

void container_actor_state::undo_holder(std::uint64_t serial) {
  end_holder();
  for (auto& [id, item] : processes_)
    self_->send(item.actor, lose_holder{});
  // Not every process need be in its pid namespace.
  if (!controller_)
    return finished(serial);
  ask(serial, controller_,
      actors::kill_cgroup{true, kit_ ? kit_->holder_pidfd : nullptr},
      [this, serial](actors::cgroup_done) {
        is_empty_ = is_current(serial);
        finished(serial);
      });
}

void container_actor_state::end_holder() {
  ++generation_; // its end is expected from here on
  leave_limits();
  if (!kit_)
    return;
  kit_->limits_socket = nullptr;
  if (!kit_->holder_pidfd && kit_->holder_pid != 0)
    kit_->holder_pidfd = open_holder(*kit_);
  kit_->holder_pid = 0;
  if (kit_->holder_pidfd)
    ::syscall(SYS_pidfd_send_signal, kit_->holder_pidfd->get(), SIGKILL,
              nullptr, 0);
  else if (kit_->holder)
    self_->send(kit_->holder, actors::quit_holder{});
  if (kit_->holder)
    self_->send_exit(kit_->holder, caf::exit_reason::user_shutdown);
  kit_->holder = nullptr;
}

// A kit comes with its PID 1: a plan that changes while it is being made, or
// a holder that cannot be reached after a crash, leaves one to be ended here.
void container_actor_state::undo_cgroup(std::uint64_t serial) {
  end_holder();
  dirty_keeper_.reset();
  leave_memory();
  if (!controller_)
    return finished(serial);
  if (std::exchange(is_empty_, false)) // a second try looks again
    return remove_cgroup(serial);
  ask(serial, controller_,
      actors::kill_cgroup{true, kit_ ? kit_->holder_pidfd : nullptr},
      [this, serial](actors::cgroup_done) { remove_cgroup(serial); });
}

void container_actor_state::remove_groups(std::uint64_t serial) {
  if (!controller_)
    return finished(serial);
  ask(serial, controller_, actors::remove_cgroup{},
      [this, serial](actors::cgroup_done) {
        self_->send_exit(controller_, caf::exit_reason::user_shutdown);
        controller_ = nullptr;
        dirty_keeper_.reset();
        leave_memory(); // of one that a late answer has begun
        kit_.reset();
        record_.holder_pid = 0;
        finished(serial);
      });
}

} // namespace reeve::supervisor
