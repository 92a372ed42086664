// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/limits_server.hpp"

#include "actors/failure.hpp"
#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/effective_limits.hpp"
#include "kernel-iface/packet.hpp"
#include "kernel-iface/untrusted_socket.hpp"
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
#include <cstring>
#include <deque>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

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
constexpr auto most_watchers = 24;
// Who connects and goes again and again costs some hundredths of a millisecond
// each time.
constexpr auto admissions_at_once = 64;
constexpr auto pause_between_admissions = 10ms;
// Without a descriptor there is no use in trying again at once.
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
    while (!callers_.empty())
      drop(callers_.begin()->first);
    kernel::close_aside(std::move(poisoned_));
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
      if (!socket && errno != EAGAIN) { // out of descriptors, or of memory
        warn_once(shortage_told_, std::strerror(errno));
        return self_->delayed_send(self_, rest_without_descriptors,
                                   caller_waits{});
      }
      if (!socket)
        return how_.watch->rearm(token_, how_.socket->get(), EPOLLIN);
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
    auto size = kernel::take_words(from.socket, word);
    if (!size && (size.error().code == EAGAIN || size.error().code == EINTR))
      return hear(from);
    auto asked = std::string_view{word.data(),
                                  size && *size <= word.size() ? *size : 0U};
    if (asked == "watch" || asked == "limits") {
      from.told.clear();
      from.leaves = !from.watches && asked == "watch" && !may_watch();
      if (asked == "watch" && !from.leaves
          && !std::exchange(from.watches, true))
        look_later();
      enqueue(event.number);
    } else {
      drop(event.number); // or it has gone
    }
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
    bool waits = false;  ///< for an answer
    bool leaves = false; ///< with the next one
    std::string told;    ///< empty: an answer is owed, whatever it is
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
    while (is_full() && idle() != 0)
      drop(idle());
    // All containers together do not take the daemon's descriptors, of which a
    // new one is the lowest that is free.
    auto is_beyond = socket.get() >= how_.first_descriptor_beyond;
    if (is_beyond)
      warn_once(shortage_told_, "half of the descriptors are in use");
    ucred peer{};
    socklen_t size = sizeof(peer);
    auto number = last_number_ + 1;
    auto token = kernel::result<actors::poller::token>{};
    if (is_beyond || is_full()
        || ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size)
               != 0
        || !(token = how_.watch->watch(socket.get(), EPOLLIN,
                                       sends(caller_speaks{number})))) {
      put_away(std::move(socket));
      return 0;
    }
    callers_.emplace(number, caller{std::move(socket), *token, peer.pid});
    return ++last_number_;
  }

  [[nodiscard]] bool is_full() const {
    return callers_.size() + poisoned_.size() >= most_callers;
  }

  [[nodiscard]] bool has_room() const {
    return !is_full() || idle() != 0;
  }

  // Who is hung up on for another, the oldest: nobody who watches, or waits for
  // an answer. 0: nobody.
  [[nodiscard]] std::uint64_t idle() const {
    for (const auto& [number, item] : callers_)
      if (!item.waits && !item.watches)
        return number;
    return 0;
  }

  [[nodiscard]] std::ptrdiff_t watchers() const {
    return std::ranges::count_if(
        callers_, [](const auto& item) { return item.second.watches; });
  }

  [[nodiscard]] bool may_watch() const {
    return watchers() < most_watchers;
  }

  void drop(std::uint64_t number) {
    auto found = callers_.extract(number);
    auto& who = found.mapped();
    how_.watch->unwatch(who.token, who.socket.get());
    put_away(std::move(who.socket));
  }

  // One that cannot be closed here takes a place for good.
  void put_away(unique_fd socket) {
    auto left = kernel::hang_up(std::move(socket));
    if (!left)
      return;
    warn_once(poison_told_, "a process in it sends descriptors");
    poisoned_.push_back(std::move(left));
  }

  void warn_once(bool& was_told, std::string_view why) const {
    if (!std::exchange(was_told, true))
      how_.log->warn("container '{}' has callers at its limits socket that are "
                     "not answered: {}",
                     how_.container, why);
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
      auto now = std::chrono::steady_clock::now();
      if (!allowance_.take(now)) {
        answer_in(allowance_.next() - now);
        break;
      }
      auto came = answer(next->second);
      if (came == outcome::later) {
        answer_in(rest_without_descriptors);
        break;
      }
      if (came == outcome::over)
        drop(next->first);
    }
    if (has_queue_ && has_room())
      on(caller_waits{});
  }

  enum class outcome : std::uint8_t { told, later, over };

  outcome answer(caller& to) {
    auto found =
        kernel::effective_limits_for(how_.mounts, *how_.cgroup, to.pid);
    if (!found && found.error().code != ESRCH) {
      warn_once(shortage_told_, to_string(found.error()));
      return outcome::later;
    }
    to.waits = false;
    if (!found) // whoever has the connection now reads what it can see
      return outcome::over;
    auto text = answer_of(*found);
    if (text != to.told) {
      auto sent = ::send(to.socket.get(), text.data(), text.size(),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && !(to.watches && kernel::is_for_later(errno)))
        return outcome::over;
      if (sent >= 0) // else it is told when it has read what it was
        to.told = std::move(text);
    }
    if (to.leaves)
      return outcome::over;
    hear(to);
    return outcome::told;
  }

  void answer_in(token_bucket::clock::duration pause) {
    if (!std::exchange(is_due_, true))
      self_->delayed_send(self_, pause, answers_due{});
  }

  // They leave half of the answers to who asks.
  void look_later() {
    if (!std::exchange(looks_, true))
      self_->delayed_send(
          self_,
          std::max<std::chrono::milliseconds>(
              limits_look_pause, 2 * watchers() * pause_between_answers),
          look_due{});
  }

  self_pointer self_ = nullptr;
  limits_server_options how_;
  actors::poller::token token_ = 0;
  std::map<std::uint64_t, caller> callers_; ///< in the order they came
  std::vector<unique_fd> poisoned_;         ///< as kernel::hang_up returns them
  std::uint64_t last_number_ = 0;
  std::deque<std::uint64_t> waiting_; ///< for an answer, none of them twice
  token_bucket admissions_{admissions_at_once, pause_between_admissions};
  token_bucket allowance_{answers_at_once, pause_between_answers};
  bool has_queue_ = false; ///< callers wait that there is no room for
  bool is_due_ = false;
  bool looks_ = false;
  bool shortage_told_ = false;
  bool poison_told_ = false;
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
