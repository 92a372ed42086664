// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/namespace_holder.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "config/text.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

namespace reeve::actors {

namespace {

using namespace kernel::holder;
using clock = std::chrono::steady_clock;

struct holder_packet {
  std::shared_ptr<kernel::packet> in;
};

struct holder_lost {
  kernel::sys_error reason;
};

struct order_unsent {
  std::uint64_t id = 0;
  kernel::sys_error reason;
};

struct deadline_due {};

} // namespace

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_packet)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::order_unsent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::deadline_due)

namespace reeve::actors {

namespace {

using internal_actor = namespace_holder_actor::extend<
    caf::reacts_to<holder_packet>, caf::reacts_to<holder_lost>,
    caf::reacts_to<order_unsent>, caf::reacts_to<deadline_due>>;

// Gives the descriptors of a report their names. False if the report lies
// about how many there are.
bool take_descriptors(kernel::packet& in, std::uint8_t carries,
                      process_spawned& into) {
  auto next = in.fds.begin();
  auto take = [&](std::uint8_t bit, shared_fd& slot) {
    if ((carries & bit) == 0)
      return true;
    if (next == in.fds.end())
      return false;
    slot = std::make_shared<kernel::unique_fd>(std::move(*next++));
    return true;
  };
  return take(carries_pidfd, into.pidfd) && take(carries_stdin, into.stdin_end)
         && take(carries_stdout, into.stdout_end)
         && take(carries_stderr, into.stderr_end)
         && take(carries_master, into.master) && next == in.fds.end();
}

// They did not fit into this process's table, or PID 1 could not send them.
bool came_bare(const kernel::packet& in, std::uint8_t carries) {
  return in.descriptors_lost || (carries & descriptors_withheld) != 0;
}

class holder_state {
public:
  static constexpr const char* name = "namespace_holder";

  using self_pointer = internal_actor::pointer;

  holder_state() = default;
  holder_state(const holder_state&) = delete;
  holder_state& operator=(const holder_state&) = delete;

  // Whoever ends the actor while others wait for it: they get an answer. A
  // callback under way may hold the channel for longer than we have the poller.
  ~holder_state() {
    if (channel_)
      channel_->close();
    // Of a defect of ours nobody may conclude anything about PID 1.
    fail_all(
        self_ != nullptr && is_failure(self_->fail_state())
            ? self_->fail_state()
            : make_error(errc::gone, "the container's PID 1 was given up"));
  }

  void init(self_pointer self, poller& watch, holder_options how) {
    self_ = self;
    cgroup_ = std::move(how.cgroup);
    deadline_ = how.deadline;
    keep_alive_ = std::move(how.keep_alive);
    kernel::grow_packet_buffer(how.control->get());
    channel_ = packet_channel::make(watch, std::move(*how.control));
    // Weak: the channel is ours, and who is asked by nobody any more ends.
    auto me = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<internal_actor>(self));
    packet_channel::handlers handlers;
    handlers.on_packet = [me](std::shared_ptr<kernel::packet> in) {
      tell(me, holder_packet{std::move(in)});
    };
    handlers.on_closed = [me](kernel::sys_error err) {
      tell(me, holder_lost{std::move(err)});
    };
    handlers.on_unsent = [me](std::uint64_t id, kernel::sys_error err) {
      tell(me, order_unsent{id, std::move(err)});
    };
    if (auto ok = channel_->start(std::move(handlers)); !ok)
      lose(ok.error());
  }

  // -- requests ---------------------------------------------------------------

  caf::result<holder_inventory> inventory() {
    if (lost_)
      return make_error(*lost_);
    auto promise = owe<holder_inventory>(self_);
    inventory_waiters_.push_back(promise);
    if (greeted_) {
      answer_inventory();
    } else {
      greeting_until_ = clock::now() + deadline_;
      arm(deadline_);
    }
    return promise;
  }

  caf::result<holder_configured> configure(const configure_holder& msg) {
    auto promise = owe<holder_configured>(self_);
    order(msg.order, {}, [promise](caf::expected<kernel::packet*> in) mutable {
      deliver(promise, in, message::configured, holder_configured{});
    });
    return promise;
  }

  caf::result<process_spawned> spawn(const spawn_process& msg) {
    auto promise = owe<process_spawned>(self_);
    spawn_order out = msg.order;
    std::vector<kernel::unique_fd> owned;
    std::vector<int> fds;
    if (auto err = add_cgroups(out, owned, fds)) {
      promise.deliver(make_error(*err));
      return promise;
    }
    for (const auto& fd : msg.passed)
      fds.push_back(fd->get());
    auto process = out.process;
    auto id = order(
        out, fds,
        [this, promise, process](caf::expected<kernel::packet*> in) mutable {
          spawns_.erase(process);
          // Only what is no start at all comes here by id.
          if (!in)
            promise.deliver(std::move(in.error()));
          else
            promise.deliver(refusal(**in));
        });
    if (id != 0)
      spawns_.emplace(process, pending_spawn{id, promise});
    return promise;
  }

  caf::result<known_process> describe(const describe_process& msg) {
    auto promise = owe<known_process>(self_);
    order(msg.order, {},
          [this, promise](caf::expected<kernel::packet*> in) mutable {
            known_process known;
            if (!in) {
              promise.deliver(std::move(in.error()));
            } else if (!is(**in, message::described)) {
              promise.deliver(no_description(**in));
            } else if (read_state(**in, known)) {
              promise.deliver(std::move(known));
            } else {
              promise.deliver(unknown_answer());
              broken("described a process badly");
            }
          });
    return promise;
  }

  template <class Order>
  caf::result<holder_done> simple(const Order& out) {
    auto promise = owe<holder_done>(self_);
    order(out, {}, [promise](caf::expected<kernel::packet*> in) mutable {
      deliver(promise, in, message::done, holder_done{});
    });
    return promise;
  }

  // What needs no answer: a holder that is gone has forgotten everything.
  template <class Order>
  void tell_holder(const Order& out) {
    (void)channel_->send(0, out);
  }

  // Whoever comes late hears of a death, too.
  void listen(const holder_listener& to) {
    listener_ = to;
    if (lost_)
      announce_loss();
  }

  // -- events -----------------------------------------------------------------

  void on(holder_packet& event) {
    if (lost_)
      return; // what a liar had said before it was found out
    auto& in = *event.in;
    switch (static_cast<message>(in.type)) {
    case message::hello:
      return on_hello(in);
    case message::process_state:
      return on_process_state(in);
    case message::hello_done:
      return on_hello_done();
    case message::spawned:
      return on_spawned(in);
    case message::spawn_failed:
      return on_spawn_failed(in);
    case message::exited:
      return on_exited(in);
    case message::ready:
      return on_ready(in);
    case message::configured:
    case message::refused:
    case message::done:
    case message::described:
      return on_answer(in);
    case message::configure:
    case message::spawn:
    case message::signal:
    case message::resize:
    case message::release:
    case message::acknowledge:
    case message::quit:
    case message::seal:
    case message::annotate:
    case message::describe:
      break;
    }
    broken("sent an unknown report");
  }

  void on(const holder_lost& event) {
    lose(event.reason);
  }

  void on(const order_unsent& event) {
    fail(event.id, make_error(event.reason));
  }

  void on(deadline_due) {
    timer_armed_ = false;
    auto now = clock::now();
    if (!greeted_ && greeting_until_ <= now)
      for (auto& waiting : std::exchange(inventory_waiters_, {}))
        waiting.deliver(make_error(errc::timed_out,
                                   "the container's PID 1 does not greet"));
    while (!pending_.empty() && pending_.begin()->second.until <= now)
      fail(pending_.begin()->first,
           make_error(errc::timed_out, "the container's PID 1 did not answer"));
    auto next = pending_.empty() ? clock::time_point::max()
                                 : pending_.begin()->second.until;
    if (!inventory_waiters_.empty())
      next = std::min(next, greeting_until_);
    if (next != clock::time_point::max())
      arm(next - now);
  }

private:
  using on_done = std::function<void(caf::expected<kernel::packet*>)>;

  struct pending_order {
    on_done done;
    clock::time_point until;
  };

  struct pending_spawn {
    std::uint64_t id = 0;
    owed_answer<process_spawned> promise;
  };

  template <class Message>
  static void tell(const caf::weak_actor_ptr& weak, Message what) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<internal_actor>(strong), std::move(what));
  }

  static bool is(const kernel::packet& in, message expected) {
    return in.type == static_cast<std::uint16_t>(expected);
  }

  static caf::error unknown_answer() {
    return make_error(errc::internal, "unknown answer of PID 1");
  }

  static caf::error refusal(const kernel::packet& in) {
    refused_report report;
    if (!kernel::wire::decode(in.body, report))
      return unknown_answer();
    auto code =
        report.code == ESRCH ? errc::not_found : errc::refused_by_kernel;
    return make_error(
        code, to_string(kernel::sys_error{
                  report.code, config::showable(report.operation), {}, {}}));
  }

  // One of an older Reeve does not know the order.
  static caf::error no_description(const kernel::packet& in) {
    refused_report report;
    if (is(in, message::refused) && kernel::wire::decode(in.body, report)
        && report.code == ENOSYS)
      return make_error(errc::not_found, "PID 1 cannot describe a process");
    return refusal(in);
  }

  template <class T>
  static void deliver(owed_answer<T>& promise,
                      caf::expected<kernel::packet*>& in, message expected,
                      T value) {
    if (!in)
      promise.deliver(std::move(in.error()));
    else if (!is(**in, expected))
      promise.deliver(refusal(**in));
    else
      promise.deliver(std::move(value));
  }

  template <class Order>
  std::uint64_t order(const Order& what, std::span<const int> fds,
                      on_done done) {
    if (lost_) {
      done(make_error(*lost_));
      return 0;
    }
    auto id = ++last_id_;
    if (auto sent = channel_->send(id, what, fds); !sent) {
      done(make_error(sent.error()));
      return 0;
    }
    pending_.emplace(id,
                     pending_order{std::move(done), clock::now() + deadline_});
    arm(deadline_);
    return id;
  }

  // One timer for all: each costs a wake-up of the thread that keeps them, and
  // orders are answered long before. All have the same time, so the oldest is
  // the next.
  void arm(clock::duration after) {
    if (!std::exchange(timer_armed_, true))
      self_->delayed_send(self_, after, deadline_due{});
  }

  std::optional<kernel::sys_error>
  add_cgroups(spawn_order& out, std::vector<kernel::unique_fd>& owned,
              std::vector<int>& fds) {
    if (!cgroup_)
      return std::nullopt;
    auto join = cgroup_->child_join_fds();
    if (!join)
      return std::move(join.error());
    out.join_count = static_cast<std::uint8_t>(join->size());
    for (auto& fd : *join) {
      fds.push_back(fd.get());
      owned.push_back(std::move(fd));
    }
    // Hybrid: children inherit the holder's group of the cgroup2 tree.
    if (cgroup_->mode() != kernel::cgroup_mode::v2)
      return std::nullopt;
    auto file = cgroup_->run_join_fd();
    if (!file)
      return std::move(file.error());
    out.join_count = 1;
    fds.push_back(file->get());
    owned.push_back(std::move(*file));
    // Where PID 1 of a nested container is, the kernel lets it clone nobody
    // into another group.
    if (cgroup_->is_nested())
      return std::nullopt;
    auto dir = cgroup_->run_clone_fd();
    if (!dir)
      return std::move(dir.error());
    out.has_cgroup_dir = true;
    fds.push_back(dir->get());
    owned.push_back(std::move(*dir));
    return std::nullopt;
  }

  void on_hello(const kernel::packet& in) {
    hello_report report;
    if (announced_ || !kernel::wire::decode(in.body, report)
        || report.processes > max_processes)
      return broken("sent a bad greeting");
    announced_ = report.processes;
    inventory_.configured = report.configured;
  }

  void on_hello_done() {
    if (greeted_ || inventory_.processes.size() != announced_)
      return broken("announced other processes than it described");
    greeted_ = true;
    answer_inventory();
  }

  // Better without its output than without its supervisor, who may ask again.
  static bool read_state(kernel::packet& in, known_process& known) {
    if (!kernel::wire::decode(in.body, known.state))
      return false;
    auto& handles = known.handles;
    handles.is_bare = came_bare(in, known.state.carries);
    if (!handles.is_bare && !take_descriptors(in, known.state.carries, handles))
      return false;
    handles.process = known.state.process;
    handles.ns_pid = known.state.ns_pid;
    return true;
  }

  void on_process_state(kernel::packet& in) {
    known_process known;
    if (!read_state(in, known))
      return broken("described a process badly");
    if (!greeted_) {
      // Each brings descriptors, of which the daemon has not so many.
      if (inventory_.processes.size() >= announced_.value_or(0))
        return broken("described more processes than it announced");
      inventory_.processes.push_back(std::move(known));
      return;
    }
    // The answer to a spawn order that was repeated.
    finish_spawn(known.state.process, std::move(known.handles));
    if (known.state.ended && listener_.on_ended)
      listener_.on_ended(known.state.process, known.state.end);
  }

  // The greeting may come before anybody has asked: then it is kept.
  void answer_inventory() {
    if (inventory_waiters_.empty())
      return;
    for (auto& waiting : std::exchange(inventory_waiters_, {}))
      waiting.deliver(inventory_);
    inventory_.processes.clear(); // descriptors belong to the processes now
  }

  void on_spawned(kernel::packet& in) {
    spawned_report report;
    process_spawned out;
    if (!kernel::wire::decode(in.body, report))
      return broken("reported a start badly");
    out.is_bare = came_bare(in, report.carries);
    if (!out.is_bare && !take_descriptors(in, report.carries, out))
      return broken("reported a start badly");
    out.process = report.process;
    out.ns_pid = report.ns_pid;
    finish_spawn(report.process, std::move(out));
  }

  void on_spawn_failed(const kernel::packet& in) {
    spawn_failed_report report;
    if (!kernel::wire::decode(in.body, report))
      return broken("reported a failed start badly");
    process_spawned out;
    out.process = report.process;
    out.error = report.code != 0 ? report.code : EPROTO;
    out.failed_step = report.step;
    out.failed_subject = std::move(report.subject);
    // All but one that it has no room for.
    out.is_kept = out.failed_step != kernel::holder::spawn_step::fork
                  || out.error != ENOSPC;
    finish_spawn(report.process, std::move(out));
  }

  void finish_spawn(std::uint64_t process, process_spawned out) {
    auto found = spawns_.find(process);
    if (found == spawns_.end()) {
      if (listener_.on_late_start)
        listener_.on_late_start(std::move(out));
      return;
    }
    pending_.erase(found->second.id);
    auto promise = std::move(found->second.promise);
    spawns_.erase(found);
    promise.deliver(std::move(out));
  }

  void on_exited(const kernel::packet& in) {
    exited_report report;
    if (!kernel::wire::decode(in.body, report))
      return broken("reported an end badly");
    if (listener_.on_ended)
      listener_.on_ended(report.process, report.end);
  }

  void on_ready(const kernel::packet& in) {
    ready_report report;
    if (!kernel::wire::decode(in.body, report))
      return broken("reported readiness badly");
    if (listener_.on_ready)
      listener_.on_ready(report.process);
  }

  void on_answer(kernel::packet& in) {
    auto found = pending_.find(in.id);
    if (found == pending_.end())
      return;
    auto done = std::move(found->second.done);
    pending_.erase(found);
    done(&in);
  }

  void fail(std::uint64_t id, caf::error err) {
    auto found = pending_.find(id);
    if (found == pending_.end())
      return;
    auto done = std::move(found->second.done);
    pending_.erase(found);
    done(std::move(err));
  }

  void broken(const char* what) {
    lose({EPROTO,
          "talk to the container's PID 1",
          {},
          std::string{"it "} + what});
  }

  void lose(kernel::sys_error why) {
    if (lost_)
      return;
    lost_ = std::move(why);
    channel_->close();
    inventory_ = {};
    fail_all(make_error(errc::gone, "the container's PID 1 has gone"));
    announce_loss();
  }

  // The end of this actor, once somebody knows why. A holder of the pool has
  // no listener yet: its next owner is told, as soon as it asks to be.
  void announce_loss() {
    if (!listener_.on_lost)
      return;
    listener_.on_lost(to_string(*lost_));
    self_->quit();
  }

  void fail_all(const caf::error& why) {
    for (auto& [id, order] : std::exchange(pending_, {}))
      order.done(why);
    spawns_.clear();
    for (auto& waiting : std::exchange(inventory_waiters_, {}))
      waiting.deliver(lost_ ? make_error(*lost_) : why);
  }

  std::shared_ptr<const void> keep_alive_; // first: goes last
  self_pointer self_ = nullptr;
  std::shared_ptr<const kernel::container_cgroup> cgroup_;
  std::chrono::milliseconds deadline_{0};
  holder_listener listener_;
  std::shared_ptr<packet_channel> channel_;
  std::optional<kernel::sys_error> lost_;
  std::optional<std::uint32_t> announced_; ///< processes, by its hello
  bool greeted_ = false;
  clock::time_point greeting_until_ = clock::time_point::max();
  bool timer_armed_ = false;
  holder_inventory inventory_;
  std::vector<owed_answer<holder_inventory>> inventory_waiters_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, pending_order> pending_;
  std::map<std::uint64_t, pending_spawn> spawns_;
};

internal_actor::behavior_type
behavior(internal_actor::stateful_pointer<holder_state> self, poller* watch,
         const holder_options& how) {
  self->state.init(self, *watch, how);
  auto s = handlers_for(self);
  return {
      [=](get_inventory) { return s->inventory(); },
      [=](const seal_holder& msg) { return s->simple(msg.order); },
      [=](const configure_holder& msg) { return s->configure(msg); },
      [=](const spawn_process& msg) { return s->spawn(msg); },
      [=](const signal_holder_process& msg) { return s->simple(msg.order); },
      [=](const resize_holder_terminal& msg) { return s->simple(msg.order); },
      [=](const describe_process& msg) { return s->describe(msg); },
      [=](const release_streams& msg) { s->tell_holder(msg.order); },
      [=](const listen_to_holder& msg) { s->listen(msg.to); },
      [=](const acknowledge_end& msg) {
        s->tell_holder(acknowledge_order{msg.process});
      },
      [=](const annotate_process& msg) { s->tell_holder(msg.order); },
      [=](quit_holder) { s->tell_holder(quit_order{}); },
      [=](holder_packet& event) { s->on(event); },
      [=](const holder_lost& event) { s->on(event); },
      [=](const order_unsent& event) { s->on(event); },
      [=](deadline_due event) { s->on(event); },
  };
}

} // namespace

namespace_holder_actor spawn_namespace_holder(caf::actor_system& sys,
                                              poller& watch,
                                              holder_options how) {
  return caf::actor_cast<namespace_holder_actor>(
      sys.spawn(behavior, &watch, std::move(how)));
}

} // namespace reeve::actors
