// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/container.hpp"

#include "actors/cgroup_controller.hpp"
#include "actors/error.hpp"
#include "actors/filesystem_layer.hpp"
#include "config/parse.hpp"
#include "config/validate.hpp"
#include "kernel-iface/cgroup_freezer.hpp"
#include "supervisor/auto_stop.hpp"
#include "supervisor/command_memory.hpp"
#include "supervisor/container_kit.hpp"
#include "supervisor/container_lifecycle.hpp"
#include "supervisor/user_process.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/logger.h>

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <utility>

namespace reeve::supervisor {

namespace {

struct work_deadline {
  std::uint64_t serial = 0;
};

struct rebuild_timer {
  std::uint64_t serial = 0;
};

struct holder_gone {
  std::uint64_t generation = 0;
};

struct process_changed {
  std::uint32_t serial = 0;
  process_change change;
};

struct record_due {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::work_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::rebuild_timer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::holder_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::process_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::record_due)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;
namespace event_of = container_event;

using internal_actor = container_actor::extend<
    caf::reacts_to<work_deadline>, caf::reacts_to<rebuild_timer>,
    caf::reacts_to<holder_gone>, caf::reacts_to<end_process>,
    caf::reacts_to<process_changed>, caf::reacts_to<record_due>>;

std::int64_t unix_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The spec's words and the pure rule's own.
auto_stop rule_of(config::auto_stop rule) {
  switch (rule) {
  case config::auto_stop::never:
    return auto_stop::never;
  case config::auto_stop::any_significant:
    return auto_stop::any_significant;
  case config::auto_stop::all_significant:
    return auto_stop::all_significant;
  }
  return auto_stop::never;
}

// What the death of PID 1 leads to: a rebuild under the limits of a permanent
// process, or the end.
config::restart_policy rebuild_policy(const config::container_spec& spec) {
  config::restart_policy out;
  out.type = spec.on_holder_death == config::holder_death::rebuild
                 ? config::restart_type::permanent
                 : config::restart_type::temporary;
  return out;
}

class container_actor_state {
public:
  static constexpr const char* name = "container";

  using self_pointer = internal_actor::pointer;

  container_actor_state() = default;
  container_actor_state(const container_actor_state&) = delete;
  container_actor_state& operator=(const container_actor_state&) = delete;

  // The actors of a container end with it. What they stand for in the kernel
  // stays: the next supervisor adopts it.
  ~container_actor_state() {
    auto end = [](const auto& child) {
      if (child)
        caf::anon_send_exit(child, caf::exit_reason::user_shutdown);
    };
    for (auto& [id, item] : processes_)
      end(item.actor);
    end(layer_);
    end(controller_);
    if (kit_)
      end(kit_->holder);
  }

  void init(self_pointer self, container_options how) {
    self_ = self;
    how_ = std::move(how);
    with_ = how_.with.get();
    layer_ = actors::spawn_filesystem_layer(self->system(), with_->broker);
  }

  // -- life of the container
  // ------------------------------------------------------

  caf::result<container_created> create(const create_container& msg) {
    auto promise = self_->make_response_promise<container_created>();
    creators_.push_back(promise);
    if (record_.created_ms != 0) { // a repeat of the command
      settle_creators();
      return promise;
    }
    record_.spec = msg.spec;
    record_.created_ms = unix_ms();
    record_.durable = msg.durable;
    state_.rebuilds = restart_tracker{rebuild_policy(msg.spec)};
    for (std::size_t i = 0; i < msg.spec.processes.size(); ++i)
      record_.serials.push_back(new_serial());
    creating_ = true;
    apply(event_of::create_requested{});
    return promise;
  }

  caf::result<container_is> adopt(const adopt_container& msg) {
    record_ = msg.record;
    next_serial_ = record_.next_serial;
    state_.rebuilds = restart_tracker{rebuild_policy(record_.spec)};
    add_declared();
    restore_ends();
    auto promise = self_->make_response_promise<container_is>();
    adopt_what_stands(promise);
    return promise;
  }

  caf::result<container_is>
  command(container_command what, std::int64_t grace_ms, container_phase goal) {
    auto promise = self_->make_response_promise<container_is>();
    auto grace = grace_ms >= 0 ? milliseconds{grace_ms} : longest_grace();
    stop_grace_ = grace_ms;
    waiters_.push_back({promise, goal});
    if (what == container_command::start
        && state_.phase != container_phase::rebuilding)
      rebuilt_ = false;
    auto refused = apply(event_of::command_given{what, grace});
    if (refused) {
      // The promise has taken the request over: a returned error is lost.
      waiters_.pop_back();
      promise.deliver(
          make_error(errc::wrong_state, explain(*refused, record_.spec.name)));
      return promise;
    }
    if (what == container_command::stop || what == container_command::start)
      want_up(what == container_command::start);
    settle_waiters();
    return promise;
  }

  // -- processes
  // ------------------------------------------------------------------

  caf::result<process_started> run(const run_process& msg,
                                   std::vector<actors::shared_fd> stdio) {
    if (auto made = commands_.find(msg.command))
      return repeat(*made);
    if (auto refused = check_command(container_command::run_process))
      return std::move(*refused);
    if (auto ok = config::validate(msg.spec); !ok)
      return make_error(errc::invalid_argument, to_string(ok.error()));
    if (processes_.count(msg.spec.id) != 0)
      return make_error(
          errc::already_exists,
          "container '" + record_.spec.name + "' has a process '" + msg.spec.id
              + "' already: remove it first or take another name");
    auto serial = new_serial();
    auto& entry = add_process(msg.spec, serial, msg.attached, std::move(stdio));
    commands_.remember(msg.command, msg.spec.id);
    self_->send(entry.actor, use_holder{kit_->holder, kit_->cgroup});
    auto promise = self_->make_response_promise<process_started>();
    auto keep = msg.spec.restart.type != config::restart_type::temporary;
    self_->request(entry.actor, caf::infinite, bring_up{})
        .then(
            [this, promise, keep, spec = msg.spec,
             serial](const process_started& started) mutable {
              if (keep) {
                record_.spec.processes.push_back(spec);
                record_.serials.push_back(serial);
                if (auto found = processes_.find(spec.id);
                    found != processes_.end())
                  note_end(found->second); // it may be over already
                save();
              }
              promise.deliver(started);
            },
            [this, promise, id = msg.spec.id](caf::error& err) mutable {
              drop_process(id);
              promise.deliver(std::move(err));
            });
    return promise;
  }

  template <class Reply, class Message, class Forwarded = Message>
  caf::result<Reply> forward(const std::string& process,
                             const Forwarded& what) {
    auto found = processes_.find(process);
    if (found == processes_.end())
      return make_error(errc::not_found, "container '" + record_.spec.name
                                             + "' has no process '" + process
                                             + "'");
    return self_->delegate(found->second.actor, what);
  }

  caf::result<process_started> start(const start_process& msg) {
    if (auto refused = check_command(container_command::run_process))
      return std::move(*refused);
    return forward<process_started, bring_up>(msg.process, bring_up{});
  }

  caf::result<process_is> remove(const remove_process& msg) {
    auto found = processes_.find(msg.process);
    if (found == processes_.end())
      return make_error(errc::not_found, "container '" + record_.spec.name
                                             + "' has no process '"
                                             + msg.process + "'");
    auto promise = self_->make_response_promise<process_is>();
    self_->request(found->second.actor, caf::infinite, msg)
        .then(
            [this, promise, id = msg.process](const process_is& done) mutable {
              drop_process(id);
              promise.deliver(done);
            },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  // -- limits
  // -----------------------------------------------------------------------

  caf::result<limits_in_force> set(const set_limits& msg) {
    if (auto refused = check_command(container_command::set_limit))
      return std::move(*refused);
    config::limits wanted;
    for (const auto& [key, value] : msg.values)
      if (auto ok = config::set_key(wanted, key, value); !ok)
        return make_error(errc::invalid_argument, to_string(ok.error()));
    if (!controller_) { // at rest: they hold from the next start
      keep_limits(msg.values);
      return limits_in_force{};
    }
    auto promise = self_->make_response_promise<limits_in_force>();
    self_->request(controller_, caf::infinite, actors::apply_limits{wanted})
        .then(
            [this, promise,
             values = msg.values](const actors::limit_readings& now) mutable {
              keep_limits(values);
              promise.deliver(in_force(now, {}));
            },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  caf::result<limits_in_force> get(const get_limits& msg) {
    for (const auto& key : msg.keys) {
      config::limits probe;
      if (auto ok = config::clear_key(probe, key); !ok)
        return make_error(errc::invalid_argument, to_string(ok.error()));
    }
    if (!controller_)
      return make_error(errc::wrong_state,
                        "container '" + record_.spec.name
                            + "' has no cgroup now: start it first");
    auto promise = self_->make_response_promise<limits_in_force>();
    self_->request(controller_, caf::infinite, actors::read_limits{})
        .then(
            [this, promise,
             keys = msg.keys](const actors::limit_readings& now) mutable {
              promise.deliver(in_force(now, keys));
            },
            [promise](caf::error& err) mutable {
              promise.deliver(std::move(err));
            });
    return promise;
  }

  caf::result<container_details> details() {
    container_details out;
    out.info = info();
    out.spec = record_.spec;
    for (const auto& [id, entry] : processes_)
      out.processes.push_back(entry.info);
    if (!controller_)
      return out;
    out.cgroup = record_.id;
    auto promise = self_->make_response_promise<container_details>();
    self_->request(controller_, caf::infinite, actors::read_limits{})
        .then(
            [this, promise, out](const actors::limit_readings& now) mutable {
              out.limits = in_force(now, {}).limits;
              promise.deliver(std::move(out));
            },
            [promise, out](const caf::error&) mutable {
              promise.deliver(std::move(out)); // being torn down: no limits
            });
    return promise;
  }

  // -- events
  // -------------------------------------------------------------------------

  void on(work_deadline event) {
    apply(event_of::deadline_passed{event.serial});
  }

  void on(rebuild_timer event) {
    apply(event_of::timer_fired{event.serial});
  }

  void on(holder_gone event) {
    if (event.generation != generation_)
      return;
    for (auto& [id, entry] : processes_)
      self_->send(entry.actor, lose_holder{});
    apply(event_of::holder_died{});
  }

  void on(const end_process& event) {
    for (auto& [id, entry] : processes_)
      if (entry.serial == serial_of(event.process))
        self_->send(entry.actor, event);
  }

  void on(process_changed& event) {
    auto found = std::find_if(processes_.begin(), processes_.end(),
                              [&event](const auto& item) {
                                return item.second.serial == event.serial;
                              });
    if (found != processes_.end()) {
      found->second.info = event.change.info;
      found->second.output_awaited = event.change.output_awaited;
      note_end(found->second);
    }
    publish(std::move(event.change.happened));
    check_auto_stop();
  }

  void on(record_due) {
    if (std::exchange(save_due_, false))
      save();
  }

private:
  struct entry {
    user_process_actor actor;
    std::uint32_t serial = 0;
    bool significant = false;
    process_info info;
    bool output_awaited = false; ///< by somebody who follows it
  };

  struct waiter {
    caf::typed_response_promise<container_is> promise;
    container_phase goal = container_phase::running;
  };

  // -- the machine
  // --------------------------------------------------------------------

  std::optional<container_refusal> apply(const event_of::any& event) {
    auto next = step(std::move(state_), event, {clock::now(), 0.5});
    state_ = std::move(next.next);
    if (next.refused)
      return next.refused;
    for (const auto& effect : next.effects)
      std::visit([this](const auto& e) { carry_out(e); }, effect);
    return std::nullopt;
  }

  void carry_out(const container_effect::begin& effect) {
    self_->delayed_send(self_, effect.deadline, work_deadline{effect.serial});
    if (effect.what.way == work::direction::make)
      make(effect.what.what, effect.serial);
    else
      undo(effect.what.what, effect.serial);
  }

  void carry_out(const container_effect::arm_timer& effect) {
    self_->delayed_send(self_, effect.delay, rebuild_timer{effect.serial});
  }

  void carry_out(const container_effect::report_phase& effect) {
    settle_creators();
    settle_waiters();
    auto before = std::exchange(told_, effect.phase);
    if (auto kind = kind_of(effect.phase)) {
      if (*kind == event_kind::container_started
          && (before == container_phase::paused
              || before == container_phase::pausing))
        kind = event_kind::container_resumed;
      tell(*kind, {}, problems_text());
    } else {
      publish(std::nullopt);
    }
    auto ended = effect.phase == container_phase::stopped
                 || effect.phase == container_phase::failed;
    if (ended && (creating_ || record_.spec.remove_on_exit))
      caf::anon_send(caf::actor_cast<container_actor>(self_),
                     destroy_container{record_.spec.name, true, 0});
  }

  void carry_out(const container_effect::free_name&) {
    container_change change{how_.key, info(), std::nullopt, true, false};
    how_.on_change(std::move(change));
  }

  void carry_out(const container_effect::forget&) {
    forgotten_ = true;
    if (auto ok = with_->store->drop_record(record_.id);
        !ok && !record_.id.empty())
      with_->log->error("{}", to_string(ok.error()));
    if (record_.id.empty())
      return be_gone();
    // Ids may be given to another container only when no file bears them.
    self_
        ->request(layer_, caf::infinite,
                  actors::delete_layer{with_->store->directory_of(record_.id)})
        .then(
            [this](actors::layer_done) {
              if (record_.uid_base != 0)
                with_->ids->give_back(record_.uid_base);
              be_gone();
            },
            [this](const caf::error& err) {
              with_->log->error("container '{}': {}", record_.spec.name,
                                actors::text_of(err));
              be_gone();
            });
  }

  // The warden hears of it first: whoever has the answer finds the name free.
  void be_gone() {
    gone_ = true;
    for (auto& [id, item] : processes_)
      self_->send_exit(item.actor, caf::exit_reason::user_shutdown);
    processes_.clear();
    how_.on_change({how_.key, info(),
                    event{0,
                          unix_ms(),
                          event_kind::container_destroyed,
                          record_.spec.name,
                          {},
                          {}},
                    false, true});
    settle_creators();
    settle_waiters();
    self_->send_exit(layer_, caf::exit_reason::user_shutdown);
    self_->quit();
  }

  void finished(std::uint64_t serial) {
    apply(event_of::work_finished{serial});
  }

  void failed(std::uint64_t serial, const caf::error& err) {
    last_failure_ = err;
    apply(event_of::work_failed{serial, actors::text_of(err)});
  }

  template <class Actor, class Message, class Then>
  void ask(std::uint64_t serial, const Actor& whom, Message what, Then then) {
    self_->request(whom, caf::infinite, std::move(what))
        .then(std::move(then),
              [this, serial](const caf::error& err) { failed(serial, err); });
  }

  // -- making the layers
  // ----------------------------------------------------------------

  void make(layer what, std::uint64_t serial) {
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
    case layer::freezer:
      return ask(serial, controller_, actors::freeze_cgroup{},
                 [this, serial](actors::cgroup_done) { finished(serial); });
    }
  }

  void make_cgroup(std::uint64_t serial) {
    auto names = joined_containers(record_.spec);
    if (names.empty())
      return take_kit_for(serial, {});
    // One after the other: there are eight kinds at most.
    resolve(serial, std::move(names), {});
  }

  void resolve(std::uint64_t serial, std::vector<std::string> names,
               std::map<std::string, std::int32_t> holders) {
    if (names.empty())
      return take_kit_for(serial, holders);
    auto name = names.back();
    names.pop_back();
    ask(serial, how_.resolver, resolve_holder{name},
        [this, serial, name, names = std::move(names),
         holders = std::move(holders)](const holder_resolved& found) mutable {
          holders.emplace(name, found.pid);
          resolve(serial, std::move(names), std::move(holders));
        });
  }

  void take_kit_for(std::uint64_t serial,
                    const std::map<std::string, std::int32_t>& holders) {
    auto request = make_kit_request(record_.spec, holders);
    if (!request)
      return failed(serial, make_error(request.error()));
    request->id = record_.id;
    request->uid_base = record_.uid_base;
    ask(serial, how_.pool, take_kit{std::move(*request)},
        [this, serial](const shared_kit& made) {
          kit_ = made;
          record_.id = made->id;
          record_.uid_base = made->uid_base;
          record_.holder_pid = made->holder_pid;
          record_.holder_start_time = made->holder_start_time;
          record_.boot_id = with_->boot_id;
          if (creating_)
            add_declared(); // now that there is a place for their output
          own_cgroup(serial);
        });
  }

  void own_cgroup(std::uint64_t serial) {
    controller_ = actors::spawn_cgroup_controller(
        self_->system(), {kit_->cgroup, with_->config.deadlines.kill});
    ask(serial, controller_, actors::apply_limits{record_.spec.limits},
        [this, serial](const actors::limit_readings&) { finished(serial); });
  }

  void make_holder(std::uint64_t serial) {
    listen();
    finished(serial);
  }

  void listen() {
    auto me = caf::actor_cast<internal_actor>(self_);
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
    ++generation_;
    actors::holder_listener to;
    to.on_ended = [weak](std::uint64_t process,
                         const kernel::holder::end_of_process& end) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_actor>(strong),
                       end_process{process, end});
    };
    to.on_lost = [weak, n = generation_](const std::string&) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_actor>(strong), holder_gone{n});
    };
    self_->send(kit_->holder, actors::listen_to_holder{std::move(to)});
  }

  void make_configured(std::uint64_t serial) {
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
          if (auto ok = with_->store->save(record_); !ok)
            return failed(serial, make_error(ok.error()));
          finished(serial);
        });
  }

  void make_processes(std::uint64_t serial) {
    auto rebuild = rebuilt_;
    rebuilt_ = true;
    auto pending = std::make_shared<std::size_t>(1);
    auto one_done = [this, serial, pending] {
      if (--*pending == 0)
        finished(serial);
    };
    for (auto& [id, item] : processes_) {
      self_->send(item.actor, use_holder{kit_->holder, kit_->cgroup});
      if (!wanted_now(item, rebuild))
        continue;
      ++*pending;
      auto cause = rebuild ? process_event::start_cause::rebuild
                           : process_event::start_cause::by_hand;
      self_->request(item.actor, caf::infinite, bring_up{cause})
          .then(
              [one_done](const process_started&) mutable { one_done(); },
              [this, serial, rebuild, one_done](const caf::error& err) mutable {
                // Later on it is the process's own policy that counts.
                if (rebuild)
                  one_done();
                else
                  failed(serial, err);
              });
    }
    one_done();
  }

  // By hand: what the container declares. After a death of PID 1: what would
  // have been restarted had it died alone.
  [[nodiscard]] bool wanted_now(const entry& item, bool rebuild) const {
    if (!rebuild)
      return is_declared(item.serial);
    return !item.info.has_ended
           || wants_restart(item.info.restart, item.info.last);
  }

  [[nodiscard]] bool is_declared(std::uint32_t serial) const {
    return std::find(record_.serials.begin(), record_.serials.end(), serial)
           != record_.serials.end();
  }

  // -- undoing them
  // -----------------------------------------------------------------------

  void undo(layer what, std::uint64_t serial) {
    switch (what) {
    case layer::freezer:
      if (!controller_)
        return finished(serial);
      return ask(serial, controller_, actors::thaw_cgroup{},
                 [this, serial](actors::cgroup_done) { finished(serial); });
    case layer::processes:
      return undo_processes(serial);
    case layer::configure:
      return finished(serial);
    case layer::file_system:
      return ask(serial, layer_, actors::detach_layer{},
                 [this, serial](actors::layer_done) { finished(serial); });
    case layer::holder:
      return undo_holder(serial);
    case layer::cgroup:
      return undo_cgroup(serial);
    }
  }

  // Peers in parallel, each down its own ladder.
  void undo_processes(std::uint64_t serial) {
    auto pending = std::make_shared<std::size_t>(1);
    auto one_done = [this, serial, pending] {
      if (--*pending == 0)
        finished(serial);
    };
    auto gentle = state_.phase != container_phase::rebuilding;
    for (auto& [id, item] : processes_) {
      if (!gentle)
        continue; // PID 1 has died and they with it
      if (!is_live(item.info.phase) && item.info.phase != process_phase::exited)
        continue;
      ++*pending;
      self_
          ->request(item.actor, caf::infinite,
                    stop_process{record_.spec.name, id, stop_grace_})
          .then([one_done](const process_is&) mutable { one_done(); },
                [one_done](const caf::error&) mutable { one_done(); });
    }
    one_done();
  }

  void undo_holder(std::uint64_t serial) {
    end_holder();
    for (auto& [id, item] : processes_)
      self_->send(item.actor, lose_holder{});
    // Not every process need be in its pid namespace.
    if (!controller_)
      return finished(serial);
    ask(serial, controller_, actors::kill_cgroup{true},
        [this, serial](actors::cgroup_done) { finished(serial); });
  }

  void end_holder() {
    ++generation_; // its end is expected from here on
    if (!kit_)
      return;
    if (kit_->holder_pidfd)
      ::syscall(SYS_pidfd_send_signal, kit_->holder_pidfd->get(), SIGKILL,
                nullptr, 0);
    else if (kit_->holder)
      self_->send(kit_->holder, actors::quit_holder{});
    if (kit_->holder)
      self_->send_exit(kit_->holder, caf::exit_reason::user_shutdown);
  }

  // A kit comes with its PID 1: a plan that changes while it is being made, or
  // a holder that cannot be reached after a crash, leaves one to be ended here.
  void undo_cgroup(std::uint64_t serial) {
    end_holder();
    if (!controller_)
      return finished(serial);
    ask(serial, controller_, actors::kill_cgroup{true},
        [this, serial](actors::cgroup_done) { remove_cgroup(serial); });
  }

  void remove_cgroup(std::uint64_t serial) {
    ask(serial, controller_, actors::remove_cgroup{},
        [this, serial](actors::cgroup_done) {
          self_->send_exit(controller_, caf::exit_reason::user_shutdown);
          controller_ = nullptr;
          kit_.reset();
          record_.holder_pid = 0;
          finished(serial);
        });
  }

  // -- adoption
  // ---------------------------------------------------------------------------

  using adopt_promise = caf::typed_response_promise<container_is>;

  void adopt_what_stands(adopt_promise promise) {
    if (auto ok = with_->ids->claim(record_.uid_base); !ok)
      with_->log->error("container '{}': {}", record_.spec.name,
                        to_string(ok.error()));
    auto socket = connect_to_holder(record_, with_->boot_id);
    if (!socket)
      with_->log->warn("{}", to_string(socket.error()));
    auto cgroup = with_->cgroups->adopt(record_.id);
    if (!socket || !*socket || !cgroup)
      return adopt_remains(std::move(promise));
    kit_ = std::make_shared<kit>();
    kit_->id = record_.id;
    kit_->uid_base = record_.uid_base;
    kit_->holder_pid = record_.holder_pid;
    kit_->holder_start_time = record_.holder_start_time;
    kit_->holder_pidfd = std::make_shared<kernel::unique_fd>(
        kernel::unique_fd::adopt(static_cast<int>(
            ::syscall(SYS_pidfd_open, record_.holder_pid, 0))));
    kit_->cgroup =
        std::make_shared<const kernel::container_cgroup>(std::move(*cgroup));
    controller_ = actors::spawn_cgroup_controller(
        self_->system(), {kit_->cgroup, with_->config.deadlines.kill});
    actors::holder_options how;
    how.control = std::make_shared<kernel::unique_fd>(std::move(*socket));
    how.cgroup = kit_->cgroup;
    how.keep_alive = how_.with;
    how.deadline = with_->config.deadlines.start;
    kit_->holder =
        actors::spawn_namespace_holder(self_->system(), *with_->control, how);
    listen();
    self_->request(kit_->holder, caf::infinite, actors::get_inventory{})
        .then(
            [this, promise](const actors::holder_inventory& found) mutable {
              take_inventory(found, promise);
            },
            [this, promise](const caf::error& err) mutable {
              with_->log->warn("container '{}': {}", record_.spec.name,
                               actors::text_of(err));
              adopt_remains(std::move(promise));
            });
  }

  void take_inventory(const actors::holder_inventory& found,
                      adopt_promise promise) {
    // The newest run of each serial is the one that counts.
    std::map<std::uint32_t, const actors::known_process*> newest;
    for (const auto& known : found.processes) {
      auto& slot = newest[serial_of(known.state.process)];
      if (slot == nullptr || slot->state.process < known.state.process)
        slot = &known;
    }
    auto pending = std::make_shared<std::size_t>(1);
    auto one_done = [this, promise, pending]() mutable {
      if (--*pending == 0)
        promise.deliver(is_now());
    };
    for (const auto& [serial, known] : newest)
      if (auto* item = adopted_entry(serial, known->state.spec)) {
        ++*pending;
        self_->send(item->actor, use_holder{kit_->holder, kit_->cgroup});
        self_->request(item->actor, caf::infinite, adopt_process{*known})
            .then([one_done](const process_is&) mutable { one_done(); },
                  [one_done](const caf::error&) mutable { one_done(); });
      }
    rebuilt_ = true;
    std::bitset<layer_count> standing;
    if (found.configured)
      standing = (1U << static_cast<unsigned>(layer::freezer)) - 1;
    else
      standing.set(static_cast<std::size_t>(layer::cgroup));
    // A daemon that was killed could not thaw what it had frozen.
    if (auto state = kernel::get_freeze_state(*kit_->cgroup);
        !state || *state != kernel::freeze_state::thawed)
      standing.set(static_cast<std::size_t>(layer::freezer));
    apply(event_of::found{standing});
    tell(event_kind::container_adopted, {}, {});
    if (!record_.wanted_up) // the daemon died while it stopped it
      apply(event_of::command_given{container_command::stop, longest_grace()});
    // What the holder does not know and what was not over by the record was
    // waiting for its next start. How often it had been started, nobody knows:
    // seconds outrun any number of runs that a back-off allows.
    auto used_runs = static_cast<std::uint64_t>(unix_ms() / 1000) & 0xffffffffU;
    for (auto& [id, item] : processes_) {
      if (newest.count(item.serial) != 0)
        continue;
      self_->send(item.actor,
                  use_holder{kit_->holder, kit_->cgroup, used_runs});
      if (record_.wanted_up && !item.info.has_ended
          && item.info.restart != config::restart_type::temporary)
        caf::anon_send(item.actor,
                       bring_up{process_event::start_cause::rebuild});
    }
    one_done();
  }

  entry* adopted_entry(std::uint32_t serial, const std::string& text) {
    for (auto& [id, item] : processes_)
      if (item.serial == serial)
        return &item;
    auto spec =
        config::parse_process_spec(text, "holder", config::format::json);
    if (!spec || !config::validate(*spec) || processes_.count(spec->id) != 0) {
      with_->log->error("container '{}': PID 1 knows a process {} that nobody "
                        "can make sense of",
                        record_.spec.name, serial);
      return nullptr;
    }
    return &add_process(*spec, serial, false, {});
  }

  // PID 1 is gone: what it left in the kernel is cleared by the machine.
  void adopt_remains(adopt_promise promise) {
    if (auto left = with_->cgroups->leftover(record_.id)) {
      kit_ = std::make_shared<kit>();
      kit_->id = record_.id;
      kit_->cgroup =
          std::make_shared<const kernel::container_cgroup>(std::move(*left));
      controller_ = actors::spawn_cgroup_controller(
          self_->system(), {kit_->cgroup, with_->config.deadlines.kill});
    }
    auto same_boot = record_.boot_id == with_->boot_id;
    std::bitset<layer_count> standing;
    if (same_boot)
      standing.set(static_cast<std::size_t>(layer::cgroup));
    rebuilt_ = true;
    apply(event_of::found{standing});
    tell(event_kind::container_adopted, {}, {});
    if (!record_.wanted_up) {
      // Also for one whose stop was cut short: nothing of it may be left.
      waiters_.push_back({promise, container_phase::stopped});
      apply(event_of::command_given{container_command::stop});
      return settle_waiters();
    }
    if (!same_boot && record_.spec.boot && record_.wanted_up)
      apply(event_of::command_given{container_command::start});
    promise.deliver(is_now());
  }

  // -- small things
  // -------------------------------------------------------------------------

  entry& add_process(const config::process_spec& spec, std::uint32_t serial,
                     bool attached, std::vector<actors::shared_fd> stdio) {
    user_process_options how;
    how.with = how_.with;
    how.container = record_.spec.name;
    how.container_id = record_.id;
    how.serial = serial;
    how.spec = spec;
    if (auto caps = capabilities_of(record_.spec))
      how.capabilities = *caps;
    how.attached = attached;
    how.stdio = std::move(stdio);
    how.oom_kills_seen = oom_kills_seen_;
    auto me = caf::actor_cast<internal_actor>(self_);
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
    how.on_change = [weak, serial](process_change change) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_actor>(strong),
                       process_changed{serial, std::move(change)});
    };
    entry item;
    item.serial = serial;
    item.significant = spec.significant;
    item.info.container = record_.spec.name;
    item.info.process = spec.id;
    item.info.argv = spec.argv;
    item.info.restart = spec.restart.type;
    item.actor = spawn_user_process(self_->system(), std::move(how));
    return processes_.emplace(spec.id, std::move(item)).first->second;
  }

  // Unique for ever, also over a crash: the record always promises more than
  // was given out, and is written once for many.
  std::uint32_t new_serial() {
    constexpr std::uint32_t reserve = 1024;
    if (next_serial_ >= record_.next_serial) {
      record_.next_serial = next_serial_ + reserve;
      save();
    }
    return next_serial_++;
  }

  void add_declared() {
    for (std::size_t i = 0; i < record_.spec.processes.size(); ++i)
      add_process(record_.spec.processes[i], record_.serials[i], false, {});
  }

  void restore_ends() {
    for (auto& [id, item] : processes_) {
      auto found = record_.ended.find(item.serial);
      if (found == record_.ended.end())
        continue;
      item.info.has_ended = true;
      item.info.last = found->second;
      item.info.phase = found->second.kind == exit_kind::gave_up
                            ? process_phase::gave_up
                            : process_phase::exited;
      self_->send(item.actor, restore_end{found->second});
    }
  }

  // Declared processes only, and only when one is over for good or begins
  // again: restarts write nothing.
  void note_end(const entry& item) {
    if (creating_ || state_.phase == container_phase::destroying
        || !is_declared(item.serial))
      return;
    auto known = record_.ended.find(item.serial);
    if (is_live(item.info.phase)) {
      if (known == record_.ended.end())
        return;
      record_.ended.erase(known);
    } else {
      if (!item.info.has_ended
          || (known != record_.ended.end() && known->second == item.info.last))
        return;
      record_.ended[item.serial] = item.info.last;
    }
    // A stop of the whole ends many at a time: one file for all of them.
    if (!std::exchange(save_due_, true))
      self_->send(self_, record_due{});
  }

  void drop_process(const std::string& id) {
    auto found = processes_.find(id);
    if (found == processes_.end())
      return;
    auto serial = found->second.serial;
    commands_.forget(id);
    self_->send_exit(found->second.actor, caf::exit_reason::user_shutdown);
    processes_.erase(found);
    auto& kept = record_.serials;
    auto where = std::find(kept.begin(), kept.end(), serial);
    if (where == kept.end())
      return;
    record_.spec.processes.erase(record_.spec.processes.begin()
                                 + (where - kept.begin()));
    kept.erase(where);
    record_.ended.erase(serial);
    save();
  }

  caf::result<process_started> repeat(const std::string& process) {
    auto found = processes_.find(process);
    if (found == processes_.end())
      return make_error(errc::not_found,
                        "the process of this command was removed since");
    const auto& now = found->second.info;
    return process_started{record_.spec.name, process, now.pid, now.ns_pid};
  }

  std::optional<caf::error> check_command(container_command what) {
    if (allows(state_.phase, what))
      return std::nullopt;
    return make_error(errc::wrong_state,
                      explain({what, state_.phase}, record_.spec.name));
  }

  milliseconds longest_grace() {
    auto out = 0ms;
    for (const auto& spec : record_.spec.processes)
      out = std::max(out, spec.stop_grace);
    return std::max(out, 10'000ms);
  }

  void want_up(bool up) {
    if (std::exchange(record_.wanted_up, up) != up)
      save();
  }

  void save() {
    if (record_.id.empty() || forgotten_)
      return;
    save_due_ = false;
    auto ok = with_->store->save(record_);
    if (!ok)
      with_->log->error("container '{}': {}", record_.spec.name,
                        to_string(ok.error()));
  }

  void check_auto_stop() {
    if (state_.phase != container_phase::running)
      return;
    std::vector<process_standing> standing;
    for (const auto& [id, item] : processes_) {
      // It will be told when the last of its output has been read.
      if (item.significant && !is_live(item.info.phase) && item.output_awaited)
        return;
      standing.push_back({item.significant ? significance::significant
                                           : significance::ordinary,
                          item.info.phase, item.info.last.kind});
    }
    if (!should_stop(rule_of(record_.spec.auto_stop), standing))
      return;
    stop_grace_ = -1;
    want_up(false);
    apply(event_of::command_given{container_command::stop, longest_grace()});
  }

  // -- answers
  // ------------------------------------------------------------------------------

  void settle_creators() {
    if (creators_.empty())
      return;
    auto made = !creating_ && record_.created_ms != 0 && !gone_;
    if (made || state_.phase == container_phase::running) {
      if (std::exchange(creating_, false))
        tell(event_kind::container_created, {}, {});
      for (auto& promise : std::exchange(creators_, {}))
        promise.deliver(container_created{record_.spec.name, record_.id});
      return;
    }
    // A failed create is answered when nothing of it is left.
    if (gone_ || state_.phase == container_phase::held) {
      auto err = last_failure_ ? last_failure_
                               : make_error(errc::wrong_state,
                                            "it was stopped meanwhile");
      for (auto& promise : std::exchange(creators_, {}))
        promise.deliver(err);
    }
  }

  void settle_waiters() {
    std::vector<waiter> left;
    for (auto& item : std::exchange(waiters_, {})) {
      if (reached(item.goal))
        item.promise.deliver(is_now());
      else if (impossible(item.goal))
        item.promise.deliver(make_error(
            errc::wrong_state, "container '" + record_.spec.name + "' is "
                                   + std::string{name_of(state_.phase)}
                                   + (state_.errors.empty() ? "" : ": ")
                                   + problems_text()));
      else
        left.push_back(std::move(item));
    }
    waiters_.insert(waiters_.begin(), std::make_move_iterator(left.begin()),
                    std::make_move_iterator(left.end()));
  }

  [[nodiscard]] bool reached(container_phase goal) const {
    if (goal == container_phase::destroyed)
      return gone_;
    return state_.phase == goal && !state_.doing;
  }

  // It has come to rest, but not there.
  [[nodiscard]] bool impossible(container_phase goal) const {
    switch (state_.phase) {
    case container_phase::creating:
    case container_phase::pausing:
    case container_phase::stopping:
    case container_phase::rebuilding:
    case container_phase::destroying:
      return false;
    case container_phase::running:
    case container_phase::paused:
      return !state_.doing && state_.goal == state_.phase;
    case container_phase::stopped:
      return goal != container_phase::destroyed && !gone_
             && state_.goal == state_.phase;
    case container_phase::failed:
      return goal != container_phase::destroyed || !creating_;
    case container_phase::held:
      return true;
    case container_phase::destroyed:
      return goal != container_phase::destroyed;
    }
    return false;
  }

  container_is is_now() {
    return {record_.spec.name, state_.phase, problems()};
  }

  std::vector<std::string> problems() {
    std::vector<std::string> out;
    for (const auto& err : state_.errors)
      out.push_back(std::string{name_of(err.doing.what)} + ": " + err.text);
    return out;
  }

  std::string problems_text() {
    std::string out;
    for (const auto& item : problems())
      out += (out.empty() ? "" : "; ") + item;
    return out;
  }

  container_info info() {
    container_info out;
    out.container = record_.spec.name;
    out.id = record_.id;
    out.phase = state_.phase;
    out.image = record_.spec.image.value_or(record_.spec.rootfs.value_or(""));
    out.created_ms = record_.created_ms;
    out.pid = kit_ ? kit_->holder_pid : 0;
    out.uid_base = record_.uid_base;
    out.live_processes = static_cast<std::uint32_t>(std::count_if(
        processes_.begin(), processes_.end(),
        [](const auto& item) { return is_live(item.second.info.phase); }));
    out.properties = record_.spec.properties;
    out.problems = problems();
    return out;
  }

  // The values were checked before.
  void
  keep_limits(const std::vector<std::pair<std::string, std::string>>& values) {
    std::string text;
    for (const auto& [key, value] : values) {
      (void)config::set_key(record_.spec.limits, key, value);
      text.append(text.empty() ? "" : " ").append(key).append("=");
      text.append(value);
    }
    save();
    tell(event_kind::limits_changed, {}, text);
  }

  limits_in_force in_force(const actors::limit_readings& now,
                           const std::vector<std::string>& keys) {
    limits_in_force out;
    for (const auto& item : now.limits)
      if (keys.empty()
          || std::find(keys.begin(), keys.end(), item.key) != keys.end())
        out.limits.push_back({item.key, item.value, now.source});
    return out;
  }

  static std::optional<event_kind> kind_of(container_phase phase) {
    switch (phase) {
    case container_phase::running:
      return event_kind::container_started;
    case container_phase::paused:
      return event_kind::container_paused;
    case container_phase::stopped:
      return event_kind::container_stopped;
    case container_phase::failed:
      return event_kind::container_failed;
    case container_phase::held:
      return event_kind::container_held;
    case container_phase::creating:
    case container_phase::pausing:
    case container_phase::stopping:
    case container_phase::rebuilding:
    case container_phase::destroying:
    case container_phase::destroyed:
      return std::nullopt;
    }
    return std::nullopt;
  }

  void tell(event_kind kind, const std::string& process, std::string text) {
    publish(
        event{0, unix_ms(), kind, record_.spec.name, process, std::move(text)});
  }

  void publish(std::optional<event> what) {
    if (!gone_)
      how_.on_change({how_.key, info(), std::move(what), false, false});
  }

  self_pointer self_ = nullptr;
  container_options how_;
  services* with_ = nullptr;
  container_state state_;
  container_record record_;
  bool creating_ = false;
  bool rebuilt_ = false;
  bool forgotten_ = false;
  bool save_due_ = false;
  bool gone_ = false;
  std::int64_t stop_grace_ = -1;
  container_phase told_ = container_phase::creating;
  std::uint64_t generation_ = 0;
  std::uint32_t next_serial_ = 1;
  caf::error last_failure_;
  shared_kit kit_;
  actors::cgroup_controller_actor controller_;
  actors::filesystem_layer_actor layer_;
  std::map<std::string, entry> processes_;
  command_memory commands_{256};
  std::shared_ptr<std::atomic<std::uint64_t>> oom_kills_seen_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::vector<caf::typed_response_promise<container_created>> creators_;
  std::vector<waiter> waiters_;
};

internal_actor::behavior_type
behavior(internal_actor::stateful_pointer<container_actor_state> self,
         const container_options& how) {
  using phase = container_phase;
  using cmd = container_command;
  self->state.init(self, how);
  auto* s = &self->state;
  return {
      [s](const create_container& msg) { return s->create(msg); },
      [s](const adopt_container& msg) { return s->adopt(msg); },
      [s](const destroy_container& msg) {
        return s->command(msg.force ? cmd::destroy_forced : cmd::destroy,
                          msg.grace_ms, phase::destroyed);
      },
      [s](const start_container&) {
        return s->command(cmd::start, -1, phase::running);
      },
      [s](const stop_container& msg) {
        return s->command(cmd::stop, msg.grace_ms, phase::stopped);
      },
      [s](const pause_container&) {
        return s->command(cmd::pause, -1, phase::paused);
      },
      [s](const resume_container&) {
        return s->command(cmd::resume, -1, phase::running);
      },
      [s](const run_process& msg) { return s->run(msg, {}); },
      [s](const run_process_with_stdio& msg) {
        return s->run(msg.run, msg.stdio);
      },
      [s](const start_process& msg) { return s->start(msg); },
      [s](const stop_process& msg) {
        return s->forward<process_is, stop_process>(msg.process, msg);
      },
      [s](const remove_process& msg) { return s->remove(msg); },
      [s](const signal_process& msg) {
        return s->forward<process_is, signal_process>(msg.process, msg);
      },
      [s](const resize_terminal& msg) {
        return s->forward<process_is, resize_terminal>(msg.process, msg);
      },
      [s](const write_input& msg) {
        return s->forward<process_is, write_input>(msg.process, msg);
      },
      [s](const read_output& msg) {
        return s->forward<output_chunk, read_output>(msg.process, msg);
      },
      [s](const wait_process& msg) {
        return s->forward<process_is, wait_process>(msg.process, msg);
      },
      [s](const set_limits& msg) { return s->set(msg); },
      [s](const get_limits& msg) { return s->get(msg); },
      [s](const get_container&) { return s->details(); },
      [s](work_deadline event) { s->on(event); },
      [s](rebuild_timer event) { s->on(event); },
      [s](holder_gone event) { s->on(event); },
      [s](const end_process& event) { s->on(event); },
      [s](process_changed& event) { s->on(event); },
      [s](record_due event) { s->on(event); },
  };
}

} // namespace

container_actor spawn_container(caf::actor_system& sys, container_options how) {
  return caf::actor_cast<container_actor>(sys.spawn(behavior, std::move(how)));
}

} // namespace reeve::supervisor
