// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/helper_client.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/owed_answer.hpp"
#include "actors/packet_channel.hpp"
#include "kernel-iface/broker_protocol.hpp"
#include "kernel-iface/packet.hpp"
#include "kernel-iface/untrusted_socket.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <caf/after.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace reeve::actors {

namespace {

struct helper_answer {
  std::uint64_t generation = 0;
  std::shared_ptr<kernel::packet> in;
};

struct helper_lost {
  std::uint64_t generation = 0;
  kernel::sys_error reason;
};

struct helper_unsent {
  std::uint64_t generation = 0;
  std::uint64_t id = 0;
  kernel::sys_error reason;
};

struct helper_deadline {
  std::uint64_t id = 0;
};

shared_fd share(kernel::unique_fd fd) {
  return std::make_shared<kernel::unique_fd>(std::move(fd));
}

} // namespace

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::helper_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::helper_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::helper_unsent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::helper_deadline)

namespace reeve::actors {

namespace {

using internal_zygote = zygote_actor::extend<
    caf::reacts_to<helper_answer>, caf::reacts_to<helper_lost>,
    caf::reacts_to<helper_unsent>, caf::reacts_to<helper_deadline>>;

using internal_broker = mount_broker_actor::extend<
    caf::reacts_to<helper_answer>, caf::reacts_to<helper_lost>,
    caf::reacts_to<helper_unsent>, caf::reacts_to<helper_deadline>>;

// Requests that a helper has at a time: the one it works on, and the next, so
// that it need not wait for us. The others wait here, without descriptors.
constexpr std::size_t most_sent = 2;

/// What both have in common: one process that carries out one request after
/// the other, the queue in front of it, replacement.
template <class Handle>
class helper_state {
public:
  static constexpr const char* name =
      std::is_same_v<Handle, internal_zygote> ? "zygote" : "mount_broker";

  using self_pointer = typename Handle::pointer;
  /// Makes the order and sends it. Called again for another helper if the
  /// first was lost before it had begun with it.
  using send_order =
      std::function<kernel::result<void>(packet_channel&, std::uint64_t id)>;
  using on_answer = std::function<void(kernel::packet&)>;
  using on_failure = std::function<void(caf::error)>;

  helper_state() = default;
  helper_state(const helper_state&) = delete;
  helper_state& operator=(const helper_state&) = delete;

  // An idle process ends with its socket; one at work may hang.
  ~helper_state() {
    if (!sent_.empty())
      end_process();
    if (channel_)
      channel_->close();
    // Who was ended on purpose has gone; a defect of ours says so itself.
    auto why = self_ != nullptr && is_failure(self_->fail_state())
                   ? self_->fail_state()
                   : make_error(errc::gone, "the helper's client was ended");
    for (auto* list : {&sent_, &waiting_})
      for (auto& item : std::exchange(*list, {}))
        item.failed(why);
  }

  void init(self_pointer self, poller& watch, helper_options how,
            kernel::helper_role role) {
    self_ = self;
    poller_ = &watch;
    how_ = std::move(how);
    keep_alive_ = std::move(how_.keep_alive);
    role_ = role;
  }

  void ask(send_order send, on_answer answered, on_failure failed) {
    waiting_.push_back(
        {0, std::move(send), std::move(answered), std::move(failed)});
    send_more();
  }

  void on(const helper_answer& event) {
    if (event.generation != generation_)
      return;
    if (auto done = take(event.in->id))
      done->answered(*event.in);
    send_more();
  }

  void on(const helper_lost& event) {
    if (event.generation == generation_)
      lose(event.reason);
  }

  void on(const helper_unsent& event) {
    if (event.generation != generation_)
      return;
    if (auto refused = take(event.id))
      refused->failed(make_error(event.reason));
    send_more();
  }

  // A helper that hangs (in a file system, say) cannot be asked to stop.
  void on(const helper_deadline& event) {
    if (!sent_.empty() && sent_.front().id == event.id)
      lose({ETIMEDOUT,
            "wait for a helper process",
            {},
            "it was killed and will be replaced"});
  }

private:
  struct request {
    std::uint64_t id = 0; ///< another each time that it is sent
    send_order send;
    on_answer answered;
    on_failure failed;
  };

  void send_more() {
    while (!waiting_.empty() && sent_.size() < most_sent) {
      if (auto ok = ensure_process(); !ok) {
        for (auto& item : std::exchange(waiting_, {}))
          item.failed(make_error(ok.error()));
        return;
      }
      auto& next = waiting_.front();
      next.id = ++last_id_;
      auto sent = next.send(*channel_, next.id);
      if (!sent && is_gone(sent.error()))
        return; // comes as helper_lost, after the answers still on the way
      auto item = std::move(next);
      waiting_.pop_front();
      if (!sent) {
        item.failed(make_error(sent.error()));
        continue;
      }
      sent_.push_back(std::move(item));
      if (sent_.size() == 1)
        arm_deadline();
    }
  }

  // For the request that the helper works on from now on.
  void arm_deadline() {
    self_->delayed_send(self_, how_.deadline,
                        helper_deadline{sent_.front().id});
  }

  std::optional<request> take(std::uint64_t id) {
    auto found =
        std::find_if(sent_.begin(), sent_.end(),
                     [id](const request& item) { return item.id == id; });
    if (found == sent_.end())
      return std::nullopt;
    auto was_first = found == sent_.begin();
    std::optional<request> out{std::move(*found)};
    sent_.erase(found);
    if (was_first && !sent_.empty())
      arm_deadline();
    return out;
  }

  kernel::result<void> ensure_process() {
    if (channel_)
      return {};
    auto process = kernel::start_helper(how_.program, role_);
    if (!process)
      return tl::make_unexpected(std::move(process.error()));
    ++generation_;
    pidfd_ = std::move(process->pidfd);
    channel_ = packet_channel::make(*poller_, std::move(process->socket));
    auto me = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<Handle>(self_)); // the channel is ours
    packet_channel::handlers handlers;
    handlers.on_packet = [me,
                          n = generation_](std::shared_ptr<kernel::packet> in) {
      tell(me, helper_answer{n, std::move(in)});
    };
    handlers.on_closed = [me, n = generation_](kernel::sys_error err) {
      tell(me, helper_lost{n, std::move(err)});
    };
    handlers.on_unsent = [me, n = generation_](std::uint64_t id,
                                               kernel::sys_error err) {
      tell(me, helper_unsent{n, id, std::move(err)});
    };
    auto started = channel_->start(std::move(handlers));
    if (!started)
      end_process();
    return started;
  }

  template <class Message>
  static void tell(const caf::weak_actor_ptr& weak, Message what) {
    if (auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<Handle>(strong), std::move(what));
  }

  void end_process() {
    if (pidfd_)
      ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    pidfd_.reset();
    if (channel_)
      channel_->close();
    channel_.reset();
    ++generation_;
  }

  // What it worked on is what it hung in or died of. It had not begun with the
  // others: the next helper gets them.
  void lose(const kernel::sys_error& why) {
    end_process();
    std::optional<request> culprit;
    while (!sent_.empty()) {
      culprit = std::move(sent_.back());
      sent_.pop_back();
      if (!sent_.empty())
        waiting_.push_front(std::move(*culprit));
    }
    if (culprit)
      culprit->failed(make_error(why));
    send_more();
  }

  std::shared_ptr<const void> keep_alive_; // first: goes last
  self_pointer self_ = nullptr;
  poller* poller_ = nullptr;
  helper_options how_;
  kernel::helper_role role_ = kernel::helper_role::zygote;
  kernel::unique_fd pidfd_;
  std::shared_ptr<packet_channel> channel_;
  std::uint64_t generation_ = 0;
  std::uint64_t last_id_ = 0;
  std::deque<request> sent_; ///< in the order in which they are worked on
  std::deque<request> waiting_;
};

// -- zygote -------------------------------------------------------------------

using zygote_state = helper_state<internal_zygote>;
using zygote_pointer = internal_zygote::stateful_pointer<zygote_state>;
using zygote_handlers = handlers_of<zygote_state>;

struct order_descriptors {
  std::vector<kernel::unique_fd> owned;
  std::vector<int> raw;

  void add(kernel::unique_fd fd) {
    raw.push_back(fd.get());
    owned.push_back(std::move(fd));
  }

  void add(std::vector<kernel::unique_fd> fds) {
    for (auto& fd : fds)
      add(std::move(fd));
  }
};

// In the order that zygote_protocol.hpp lays down.
kernel::result<order_descriptors>
collect(const start_holder& msg, kernel::unique_fd control, int limits_socket,
        kernel::zygote::start_holder_order& order) {
  order_descriptors out;
  out.add(std::move(control));
  out.raw.push_back(limits_socket);
  auto join = msg.cgroup->join_fds();
  if (!join)
    return tl::make_unexpected(std::move(join.error()));
  order.join_count = static_cast<std::uint8_t>(join->size());
  out.add(std::move(*join));
  auto home = msg.cgroup->holder_home_fds();
  if (!home)
    return tl::make_unexpected(std::move(home.error()));
  order.home_count = static_cast<std::uint8_t>(home->size());
  out.add(std::move(*home));
  auto born = msg.cgroup->holder_clone_fd();
  if (!born)
    return tl::make_unexpected(std::move(born.error()));
  order.has_cgroup_dir = static_cast<bool>(*born);
  if (*born)
    out.add(std::move(*born));
  for (const auto& fd : msg.joined)
    out.raw.push_back(fd->get());
  return out;
}

kernel::result<void> send_start(const start_holder& msg, packet_channel& to,
                                std::uint64_t id, holder_started& out) {
  auto pair = kernel::make_packet_sockets();
  if (!pair)
    return tl::make_unexpected(std::move(pair.error()));
  out.control = share(std::move(pair->first));
  // Of our network namespace: in the container it is a file alone.
  auto limits = kernel::unique_fd::adopt(
      ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!limits)
    return kernel::last_error("make the limits socket of a container");
  kernel::refuse_descriptors(limits);
  out.limits_socket = kernel::share_listener(std::move(limits));
  kernel::zygote::start_holder_order order;
  order.modes.assign(msg.modes.begin(), msg.modes.end());
  order.id_base = msg.id_base;
  order.id_count = msg.id_count;
  auto fds =
      collect(msg, std::move(pair->second), out.limits_socket->get(), order);
  if (!fds)
    return tl::make_unexpected(std::move(fds.error()));
  return to.send(id, order, fds->raw);
}

caf::result<holder_started> start(zygote_pointer self, zygote_handlers state,
                                  const start_holder& msg) {
  auto promise = owe<holder_started>(self);
  auto started = std::make_shared<holder_started>();
  state->ask(
      [msg, started](packet_channel& to, std::uint64_t id) {
        return send_start(msg, to, id, *started);
      },
      [promise, started](kernel::packet& in) mutable {
        using namespace kernel::zygote;
        holder_started_report report;
        start_failed_report failure;
        if (in.type == static_cast<std::uint16_t>(message::holder_started)
            && kernel::wire::decode(in.body, report) && in.fds.size() == 1) {
          started->pid = report.pid;
          started->pidfd = share(std::move(in.fds.front()));
          promise.deliver(*started);
        } else if (kernel::wire::decode(in.body, failure))
          promise.deliver(make_error(kernel::sys_error{
              failure.code, "start a container's PID 1:", failure.step,
              failure.code == EAGAIN ? no_pid_hint : ""}));
        else
          promise.deliver(make_error(errc::internal, "unknown zygote answer"));
      },
      [promise](caf::error err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

internal_zygote::behavior_type
zygote_behavior(zygote_pointer self, poller* watch, const helper_options& how) {
  self->state.init(self, *watch, how, kernel::helper_role::zygote);
  auto s = handlers_for(self);
  return {
      [=](const start_holder& msg) { return start(self, s, msg); },
      [=](const helper_answer& event) { s->on(event); },
      [=](const helper_lost& event) { s->on(event); },
      [=](const helper_unsent& event) { s->on(event); },
      [=](const helper_deadline& event) { s->on(event); },
  };
}

// -- mount broker -------------------------------------------------------------

using broker_state = helper_state<internal_broker>;
using broker_pointer = internal_broker::stateful_pointer<broker_state>;
using broker_handlers = handlers_of<broker_state>;

caf::error broker_failure(const kernel::packet& in) {
  kernel::broker::failed_report failure;
  if (!kernel::wire::decode(in.body, failure))
    return make_error(errc::internal, "unknown mount broker answer");
  return make_error(kernel::sys_error{failure.code, failure.operation,
                                      failure.subject, failure.hint});
}

caf::result<root_prepared> prepare(broker_pointer self, broker_handlers state,
                                   const prepare_root& msg) {
  auto promise = owe<root_prepared>(self);
  state->ask(
      [msg](packet_channel& to, std::uint64_t id) {
        int fds[] = {msg.pidfd->get(), msg.limits_socket->get()};
        return to.send(id, kernel::broker::prepare_order{msg.options}, fds);
      },
      [promise](kernel::packet& in) mutable {
        using namespace kernel::broker;
        prepared_report report;
        if (in.type == static_cast<std::uint16_t>(message::prepared)
            && kernel::wire::decode(in.body, report))
          promise.deliver(root_prepared{std::move(report.warnings)});
        else
          promise.deliver(broker_failure(in));
      },
      [promise](caf::error err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

kernel::broker::attach_order make_order(const attach_root& msg) {
  kernel::broker::attach_order order;
  order.pid = msg.pid;
  order.has_user_namespace = msg.has_user_namespace;
  order.layers = msg.root.overlay.layers;
  order.upper_parent = msg.root.overlay.upper_parent;
  order.first_id = msg.root.overlay.first_id;
  order.writes = msg.root.overlay.writes;
  order.access = msg.root.access;
  for (const auto& bind : msg.root.binds)
    order.binds.push_back({bind.source, bind.target, bind.access});
  return order;
}

caf::result<root_attached> attach(broker_pointer self, broker_handlers state,
                                  const attach_root& msg) {
  auto promise = owe<root_attached>(self);
  state->ask(
      [order = make_order(msg), pidfd = msg.pidfd](packet_channel& to,
                                                   std::uint64_t id) {
        auto fd = pidfd->get();
        return to.send(id, order, {&fd, 1});
      },
      [promise](kernel::packet& in) mutable {
        using kernel::broker::message;
        if (in.type == static_cast<std::uint16_t>(message::attached))
          promise.deliver(root_attached{});
        else
          promise.deliver(broker_failure(in));
      },
      [promise](caf::error err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

internal_broker::behavior_type
broker_behavior(broker_pointer self, poller* watch, const helper_options& how) {
  self->state.init(self, *watch, how, kernel::helper_role::broker);
  auto s = handlers_for(self);
  return {
      [=](const prepare_root& msg) { return prepare(self, s, msg); },
      [=](const attach_root& msg) { return attach(self, s, msg); },
      [=](const helper_answer& event) { s->on(event); },
      [=](const helper_lost& event) { s->on(event); },
      [=](const helper_unsent& event) { s->on(event); },
      [=](const helper_deadline& event) { s->on(event); },
  };
}

} // namespace

zygote_actor spawn_zygote(caf::actor_system& sys, poller& watch,
                          helper_options how) {
  return caf::actor_cast<zygote_actor>(
      sys.spawn<caf::hidden>(zygote_behavior, &watch, std::move(how)));
}

mount_broker_actor spawn_mount_broker(caf::actor_system& sys, poller& watch,
                                      helper_options how) {
  return caf::actor_cast<mount_broker_actor>(
      sys.spawn<caf::hidden>(broker_behavior, &watch, std::move(how)));
}

} // namespace reeve::actors
