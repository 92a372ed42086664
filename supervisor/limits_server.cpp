// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/limits_server.hpp"

#include "actors/failure.hpp"
#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/effective_limits.hpp"
#include "kernel-iface/packet.hpp"
#include "supervisor/token_bucket.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <utility>

namespace reeve::supervisor {

namespace {

struct caller_waits {};

struct caller_speaks {
  std::uint64_t number = 0;
};

struct answers_due {};

struct look_due {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::caller_waits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::caller_speaks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::answers_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::look_due)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using kernel::unique_fd;

using internal_server = limits_server_actor::extend<
    caf::reacts_to<caller_waits>, caf::reacts_to<caller_speaks>,
    caf::reacts_to<answers_due>, caf::reacts_to<look_due>>;

// An answer takes some tenths of a millisecond: a container costs a few
// thousandths of a processor, whatever it does.
constexpr auto answers_at_once = 50;
constexpr auto pause_between_answers = 100ms;
constexpr auto most_callers = std::size_t{32};
// Who connects and goes again and again costs some hundredths of a millisecond
// each time.
constexpr auto admissions_at_once = 64;
constexpr auto pause_between_admissions = 10ms;
// What others change, such as a group above, is seen by looking.
constexpr auto look_pause = 1s;
// Without a descriptor for a caller there is no use in trying again at once.
constexpr auto rest_without_descriptors = 1s;

std::string answer_of(const std::vector<kernel::effective_limit>& all) {
  std::string out = "reeve limits 1\n";
  for (const auto& item : all) {
    out += item.resource;
    out += item.is_hard ? " hard " : " soft ";
    out += item.value == kernel::no_limit ? "max" : std::to_string(item.value);
    out += item.is_exact ? " exact " : " about ";
    out += item.source;
    out += '\n';
  }
  return out;
}

class limits_server_state {
public:
  static constexpr const char* name = "limits_server";

  using self_pointer = internal_server::pointer;

  limits_server_state() = default;
  limits_server_state(const limits_server_state&) = delete;
  limits_server_state& operator=(const limits_server_state&) = delete;

  ~limits_server_state() {
    if (token_ != 0)
      how_.watch->unwatch(token_, how_.socket->get());
    for (auto& [number, item] : callers_)
      how_.watch->unwatch(item.token, item.socket.get());
  }

  void init(self_pointer self, limits_server_options how) {
    self_ = self;
    how_ = std::move(how);
    auto token =
        how_.watch->watch(how_.socket->get(), EPOLLIN, sends(caller_waits{}));
    if (token)
      token_ = *token;
    else
      how_.log->warn("container '{}' is not told its limits: {}",
                     how_.container, to_string(token.error()));
  }

  void on(caller_waits) {
    has_queue_ = false;
    while (has_room()) {
      auto now = std::chrono::steady_clock::now();
      if (!admissions_.take(now))
        return self_->delayed_send(self_, admissions_.next() - now,
                                   caller_waits{});
      auto socket = unique_fd::adopt(::accept4(
          how_.socket->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket && (errno == EINTR || errno == ECONNABORTED))
        continue;
      if (!socket && errno != EAGAIN) // out of descriptors, or of memory
        return self_->delayed_send(self_, rest_without_descriptors,
                                   caller_waits{});
      if (!socket)
        return how_.watch->rearm(token_, how_.socket->get(), EPOLLIN);
      // All containers together do not take the daemon's descriptors, of which
      // a new one is the lowest that is free.
      if (socket.get() >= how_.first_descriptor_beyond)
        continue;
      // What it asks is there mostly: who has asked is not in the way of
      // others.
      if (auto number = admit(std::move(socket)); number != 0)
        on(caller_speaks{number});
    }
    has_queue_ = true; // until somebody goes
  }

  void on(const caller_speaks& event) {
    auto found = callers_.find(event.number);
    if (found == callers_.end())
      return;
    auto& from = found->second;
    std::array<char, 32> word{};
    auto size = ::recv(from.socket.get(), word.data(), word.size(), MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
      return hear(from);
    auto asked = std::string_view{
        word.data(), size > 0 && size <= static_cast<ssize_t>(word.size())
                         ? std::size_t(size)
                         : 0U};
    if (asked == "watch" && !std::exchange(from.watches, true))
      look_later();
    if (asked == "watch" || asked == "limits")
      from.told.clear();
    else {
      drop(event.number); // or it has gone
      return answer_who_waits();
    }
    enqueue(event.number);
    answer_who_waits();
  }

  void on(answers_due) {
    is_due_ = false;
    answer_who_waits();
  }

  void on(look_due) {
    looks_ = false;
    on(tell_limits{});
  }

  void on(tell_limits) {
    for (auto& [number, item] : callers_)
      if (item.watches) {
        enqueue(number);
        look_later();
      }
    answer_who_waits();
  }

private:
  struct caller {
    unique_fd socket;
    actors::poller::token token = 0;
    pid_t pid = 0;
    bool watches = false;
    bool waits = false; ///< for an answer
    std::string told;   ///< empty: an answer is owed, whatever it is
  };

  template <class Message>
  actors::poller::callback sends(Message what) {
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(
        caf::actor_cast<internal_server>(self_));
    return [weak, what](std::uint32_t) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<internal_server>(strong), what);
    };
  }

  // Its number; 0: it is hung up on, and reads what it can see.
  std::uint64_t admit(unique_fd socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
      return 0;
    auto number = ++last_number_;
    auto token =
        how_.watch->watch(socket.get(), EPOLLIN, sends(caller_speaks{number}));
    if (!token)
      return 0;
    if (callers_.size() >= most_callers)
      drop(idle());
    callers_.emplace(number, caller{std::move(socket), *token, peer.pid});
    return number;
  }

  [[nodiscard]] bool has_room() const {
    return callers_.size() < most_callers || idle() != 0;
  }

  // Who is hung up on for another, the oldest: rather one that does nothing
  // than one that watches, and none that waits for an answer. 0: nobody.
  [[nodiscard]] std::uint64_t idle() const {
    for (auto watches : {false, true})
      for (const auto& [number, item] : callers_)
        if (!item.waits && item.watches == watches)
          return number;
    return 0;
  }

  void drop(std::uint64_t number) {
    auto found = callers_.find(number);
    how_.watch->unwatch(found->second.token, found->second.socket.get());
    callers_.erase(found);
  }

  void hear(const caller& from) {
    how_.watch->rearm(from.token, from.socket.get(), EPOLLIN);
  }

  void enqueue(std::uint64_t number) {
    if (!std::exchange(callers_.at(number).waits, true))
      waiting_.push_back(number);
  }

  void answer_who_waits() {
    for (; !waiting_.empty(); waiting_.pop_front()) {
      auto next = callers_.find(waiting_.front());
      if (next == callers_.end())
        continue; // it has gone
      if (!allowance_.take(std::chrono::steady_clock::now())) {
        answer_later();
        break;
      }
      if (!answer(next->second))
        drop(next->first);
    }
    if (has_queue_ && has_room())
      on(caller_waits{});
  }

  // False: nothing more is to be said to it.
  bool answer(caller& to) {
    to.waits = false;
    auto found =
        kernel::effective_limits_for(how_.mounts, *how_.cgroup, to.pid);
    if (!found) // whoever has the connection now reads what it can see
      return false;
    auto text = answer_of(*found);
    if (text != to.told) {
      auto sent = ::send(to.socket.get(), text.data(), text.size(),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && !(to.watches && kernel::is_for_later(errno)))
        return false;
      if (sent >= 0) // else it is told when it has read what it was
        to.told = std::move(text);
    }
    hear(to);
    return true;
  }

  void answer_later() {
    auto pause = allowance_.next() - std::chrono::steady_clock::now();
    if (!std::exchange(is_due_, true))
      self_->delayed_send(self_, pause, answers_due{});
  }

  // They leave half of the answers to who asks.
  void look_later() {
    auto watchers = std::ranges::count_if(
        callers_, [](const auto& item) { return item.second.watches; });
    if (!std::exchange(looks_, true))
      self_->delayed_send(self_,
                          std::max<std::chrono::milliseconds>(
                              look_pause, 2 * watchers * pause_between_answers),
                          look_due{});
  }

  self_pointer self_ = nullptr;
  limits_server_options how_;
  actors::poller::token token_ = 0;
  std::map<std::uint64_t, caller> callers_; ///< in the order they came
  std::uint64_t last_number_ = 0;
  std::deque<std::uint64_t> waiting_; ///< for an answer, none of them twice
  token_bucket admissions_{admissions_at_once, pause_between_admissions};
  token_bucket allowance_{answers_at_once, pause_between_answers};
  bool has_queue_ = false; ///< callers wait that there is no room for
  bool is_due_ = false;
  bool looks_ = false;
};

internal_server::behavior_type
behavior_of_server(internal_server::stateful_pointer<limits_server_state> self,
                   limits_server_options how) {
  self->state.init(self, std::move(how));
  auto s = actors::handlers_for(self);
  return {
      [=](tell_limits event) { s->on(event); },
      [=](caller_waits event) { s->on(event); },
      [=](const caller_speaks& event) { s->on(event); },
      [=](answers_due event) { s->on(event); },
      [=](look_due event) { s->on(event); },
  };
}

} // namespace

limits_server_actor spawn_limits_server(caf::actor_system& sys,
                                        limits_server_options how) {
  return caf::actor_cast<limits_server_actor>(
      sys.spawn(behavior_of_server, std::move(how)));
}

} // namespace reeve::supervisor
