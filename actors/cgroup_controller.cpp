// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/cgroup_controller.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/limit_table.hpp"
#include "actors/owed_answer.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_reclaim.hpp"
#include "kernel-iface/cgroup_stats.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

namespace reeve::actors {

namespace {

struct look_again {
  std::uint64_t task = 0;
};

struct dying_is_dead {
  std::uint64_t task = 0;
};

struct stats_idle {};

/// What was done on another thread.
using turn_outcome = std::variant<caf::expected<limit_readings>,
                                  caf::expected<kernel::reclaimed_memory>,
                                  caf::expected<cgroup_done>>;

struct turn_finished {
  turn_outcome how;
};

} // namespace

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::dying_is_dead)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::stats_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::turn_finished)

namespace reeve::actors {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

using internal_actor = cgroup_controller_actor::extend<
    caf::reacts_to<look_again>, caf::reacts_to<dying_is_dead>,
    caf::reacts_to<stats_idle>, caf::reacts_to<turn_finished>>;

// Should the end of a dying process not be told.
constexpr auto longest_wait_for_dying = 20ms;

// Whoever watches a container asks again before that.
constexpr auto stats_pause = 10s;

bool is_dead(int pidfd) {
  pollfd item{pidfd, POLLIN, 0};
  return ::poll(&item, 1, 0) == 1;
}

class cgroup_state {
public:
  static constexpr const char* name = "cgroup_controller";

  using self_pointer = internal_actor::pointer;

  void init(self_pointer self, cgroup_options how) {
    self_ = self;
    cgroup_ = std::move(how.cgroup);
    deadline_ = how.deadline;
    watch_ = how.watch;
    descriptors_left_ = std::move(how.descriptors_left);
    keep_alive_ = std::move(how.keep_alive);
    freezer_ = how.freezer ? std::move(how.freezer)
                           : std::make_shared<kernel::shared_freezer>(*cgroup_);
  }

  ~cgroup_state() {
    for (auto& [id, doing] : tasks_)
      forget_dying(doing);
    give_descriptors_back();
  }

  caf::result<limit_readings> apply(const apply_limits& msg) {
    auto is_short =
        !msg.change.kills && !may_take_long(*cgroup_, msg.change.limits);
    if (waiting_.empty() && is_short)
      return in_result(set_all(*cgroup_, msg.change));
    return in_turn<limit_readings>([group = cgroup_, change = msg.change] {
      return set_all(*group, change);
    });
  }

  caf::result<cgroup_done> change(const change_rlimits& msg) {
    return in_turn<cgroup_done>(
        [group = cgroup_, msg]() -> caf::expected<cgroup_done> {
          auto holder = kernel::rlimit_giver{
              msg.holder, msg.holder_pidfd ? msg.holder_pidfd->get() : -1};
          auto ok = msg.applies
                        ? kernel::apply_rlimits(*group, msg.changes)
                        : kernel::check_rlimits(*group, holder, msg.changes);
          if (!ok)
            return make_error(ok.error());
          return cgroup_done{};
        });
  }

  // The pause is set here, so nobody else sets it meanwhile.
  void on(wake_for_memory) {
    auto pause = kernel::get_oom_pause(*cgroup_);
    if (pause && *pause == kernel::oom_pause::on)
      static_cast<void>(kernel::wake_waiting(*cgroup_)); // it is asked again
  }

  caf::result<kernel::reclaimed_memory>
  reclaim(const reclaim_from_cgroup& msg) {
    return in_turn<kernel::reclaimed_memory>(
        [group = cgroup_,
         bytes = msg.bytes]() -> caf::expected<kernel::reclaimed_memory> {
          auto done = kernel::reclaim_memory(*group, bytes);
          if (!done)
            return make_error(done.error());
          return *done;
        });
  }

  caf::result<limit_readings> read(const read_limits& msg) {
    return in_result(msg.keys.empty() ? get_all(*cgroup_)
                                      : get_some(*cgroup_, msg.keys));
  }

  caf::result<stats_reading> read_statistics() {
    if (!reader_) {
      reader_.emplace(*cgroup_);
      keeps_descriptors_ = take_descriptors();
      self_->delayed_send(self_, stats_pause, stats_idle{});
    }
    read_since_ = true;
    auto stats = reader_->read(keeps_descriptors_);
    if (!stats)
      return make_error(stats.error());
    return stats_reading{std::move(*stats)};
  }

  // Nobody has asked for a while: the descriptors are for others.
  void on(stats_idle) {
    if (std::exchange(read_since_, false)) {
      self_->delayed_send(self_, stats_pause, stats_idle{});
      return;
    }
    give_descriptors_back();
    reader_.reset();
  }

  caf::result<cgroup_done> freeze() {
    if (auto ok = freezer_->freeze(pausing); !ok)
      return make_error(ok.error());
    return until("freeze",
                 [this] { return reached(kernel::freeze_state::frozen); });
  }

  caf::result<cgroup_done> thaw() {
    if (auto ok = freezer_->thaw(pausing); !ok)
      return make_error(ok.error());
    return until("thaw",
                 [this] { return reached(kernel::freeze_state::thawed); });
  }

  caf::result<cgroup_done> kill(const kill_cgroup& msg) {
    auto who = msg.everybody ? kernel::members::everybody
                             : kernel::members::user_processes;
    auto try_it = [this, who]() -> kernel::result<bool> {
      auto left = cgroup_->pids(who);
      if (!left)
        return tl::make_unexpected(std::move(left.error()));
      if (left->empty())
        return true;
      if (auto ok = cgroup_->kill_all(who); !ok)
        return tl::make_unexpected(std::move(ok.error()));
      return false;
    };
    if (!msg.dying || watch_ == nullptr || is_dead(msg.dying->get()))
      return until("kill", std::move(try_it));
    // To kill those that PID 1 takes with it costs more than to wait for it.
    auto promise = owe<cgroup_done>(self_);
    auto id = ++last_task_;
    auto& doing = tasks_[id];
    doing = {"kill", std::move(try_it), promise, clock::now() + deadline_};
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(self_);
    auto token =
        watch_->watch(msg.dying->get(), EPOLLIN, [weak, id](std::uint32_t) {
          if (auto strong = weak.lock())
            caf::anon_send(caf::actor_cast<internal_actor>(strong),
                           dying_is_dead{id});
        });
    if (!token) {
      self_->send(self_, dying_is_dead{id});
      return promise;
    }
    doing.dying = msg.dying;
    doing.token = *token;
    self_->delayed_send(self_, longest_wait_for_dying, dying_is_dead{id});
    return promise;
  }

  caf::result<cgroup_done> remove() {
    return until("remove", [this]() -> kernel::result<bool> {
      auto gone = cgroup_->try_remove();
      if (!gone)
        return tl::make_unexpected(std::move(gone.error()));
      return *gone == kernel::removal::removed;
    });
  }

  caf::result<oom_kills> count_oom_kills() {
    auto count = kernel::oom_kill_count(*cgroup_);
    if (!count)
      return make_error(count.error());
    return oom_kills{*count};
  }

  void on(const look_again& event) {
    auto found = tasks_.find(event.task);
    if (found != tasks_.end() && attempt(found->second))
      tasks_.erase(found);
    else if (found != tasks_.end())
      again(event.task, found->second);
  }

  // Told by its end and by the time, whichever is first.
  void on(dying_is_dead event) {
    auto found = tasks_.find(event.task);
    if (found == tasks_.end() || std::exchange(found->second.begun, true))
      return;
    forget_dying(found->second);
    on(look_again{event.task});
  }

  void on(turn_finished& event) {
    waiting_.front().deliver(event.how);
    waiting_.pop_front();
    if (!waiting_.empty())
      begin_turn();
  }

private:
  struct task {
    const char* verb;
    std::function<kernel::result<bool>()> try_it;
    owed_answer<cgroup_done> promise;
    clock::time_point deadline;
    std::chrono::microseconds pause{200};
    unsigned tries = 3; ///< left, with errors: want of memory passes
    shared_fd dying;
    poller::token token = 0;
    bool begun = false; ///< with `dying`: it is dead, or was waited for enough
  };

  struct turn {
    std::function<turn_outcome()> work; ///< on any thread
    std::function<void(turn_outcome&)> deliver;
    std::function<turn_outcome(caf::error)> refuse;
  };

  static caf::result<limit_readings>
  in_result(caf::expected<limit_readings> in) {
    if (!in)
      return std::move(in.error());
    return std::move(*in);
  }

  bool take_descriptors() {
    if (!descriptors_left_)
      return false;
    auto wanted = static_cast<int>(reader_->most_descriptors());
    if (descriptors_left_->fetch_sub(wanted) >= wanted)
      return true;
    descriptors_left_->fetch_add(wanted);
    return false;
  }

  void give_descriptors_back() {
    if (reader_ && std::exchange(keeps_descriptors_, false))
      descriptors_left_->fetch_add(
          static_cast<int>(reader_->most_descriptors()));
  }

  template <class Reply, class Work>
  caf::result<Reply> in_turn(Work work) {
    using outcome = caf::expected<Reply>;
    auto promise = owe<Reply>(self_);
    waiting_.push_back(
        {[work] { return turn_outcome{work()}; },
         [promise](turn_outcome& how) mutable {
           auto& answer = std::get<outcome>(how);
           if (answer)
             promise.deliver(std::move(*answer));
           else
             promise.deliver(std::move(answer.error()));
         },
         [](caf::error why) { return turn_outcome{outcome{std::move(why)}}; }});
    if (waiting_.size() == 1)
      begin_turn();
    return promise;
  }

  // On a thread of its own; meanwhile this actor answers whatever else comes.
  void begin_turn() {
    auto me = caf::actor_cast<internal_actor>(self_);
    const auto& next = waiting_.front();
    try {
      self_->system().spawn<caf::detached>([me, work = next.work,
                                            refuse = next.refuse,
                                            keep_alive = keep_alive_] {
        try {
          caf::anon_send(me, turn_finished{work()});
        } catch (const std::exception& err) { // want of memory
          caf::anon_send(me, turn_finished{refuse(
                                 make_error(errc::exhausted, err.what()))});
        }
      });
    } catch (const std::system_error& err) { // no thread is to be had
      caf::anon_send(
          me, turn_finished{next.refuse(make_error(
                  errc::exhausted, "a thread for cgroup '" + cgroup_->id()
                                       + "': " + err.what()))});
    }
  }

  void forget_dying(task& doing) {
    if (auto fd = std::exchange(doing.dying, nullptr))
      watch_->unwatch(doing.token, fd->get());
  }

  kernel::result<bool> reached(kernel::freeze_state wanted) {
    auto state = kernel::get_freeze_state(*cgroup_);
    if (!state)
      return tl::make_unexpected(std::move(state.error()));
    return *state == wanted;
  }

  caf::result<cgroup_done> until(const char* verb,
                                 std::function<kernel::result<bool>()> try_it) {
    auto promise = owe<cgroup_done>(self_);
    task doing{verb, std::move(try_it), promise, clock::now() + deadline_};
    if (!attempt(doing)) {
      auto id = ++last_task_;
      again(id, tasks_.emplace(id, std::move(doing)).first->second);
    }
    return promise;
  }

  void again(std::uint64_t id, task& doing) {
    self_->delayed_send(self_, doing.pause, look_again{id});
    doing.pause = std::min<std::chrono::microseconds>(doing.pause * 2, 20ms);
  }

  // True when there is nothing left to do, well or badly.
  bool attempt(task& doing) {
    auto done = doing.try_it();
    if (!done && --doing.tries > 0)
      return false;
    if (!done)
      doing.promise.deliver(make_error(done.error()));
    else if (*done)
      doing.promise.deliver(cgroup_done{});
    else if (clock::now() >= doing.deadline)
      doing.promise.deliver(make_error(
          errc::timed_out, std::string{doing.verb} + " cgroup '" + cgroup_->id()
                               + "': the kernel still holds a process in it"));
    else
      return false;
    return true;
  }

  self_pointer self_ = nullptr;
  static constexpr auto pausing = kernel::shared_freezer::reason::pause;

  std::shared_ptr<const kernel::container_cgroup> cgroup_;
  std::shared_ptr<kernel::shared_freezer> freezer_;
  std::chrono::milliseconds deadline_{0};
  poller* watch_ = nullptr;
  std::shared_ptr<const void> keep_alive_;
  std::deque<turn> waiting_; ///< the first is under way
  std::uint64_t last_task_ = 0;
  std::map<std::uint64_t, task> tasks_;
  std::shared_ptr<std::atomic<int>> descriptors_left_;
  std::optional<kernel::stats_reader> reader_; ///< while somebody asks
  bool keeps_descriptors_ = false;
  bool read_since_ = false; ///< the last `stats_idle`
};

internal_actor::behavior_type
behavior(internal_actor::stateful_pointer<cgroup_state> self,
         const cgroup_options& how) {
  self->state.init(self, how);
  auto s = handlers_for(self);
  return {
      [=](const apply_limits& msg) { return s->apply(msg); },
      [=](const change_rlimits& msg) { return s->change(msg); },
      [=](wake_for_memory event) { s->on(event); },
      [=](const reclaim_from_cgroup& msg) { return s->reclaim(msg); },
      [=](const read_limits& msg) { return s->read(msg); },
      [=](read_stats) { return s->read_statistics(); },
      [=](freeze_cgroup) { return s->freeze(); },
      [=](thaw_cgroup) { return s->thaw(); },
      [=](const kill_cgroup& msg) { return s->kill(msg); },
      [=](remove_cgroup) { return s->remove(); },
      [=](read_oom_kills) { return s->count_oom_kills(); },
      [=](const look_again& event) { s->on(event); },
      [=](dying_is_dead event) { s->on(event); },
      [=](stats_idle event) { s->on(event); },
      [=](turn_finished& event) { s->on(event); },
  };
}

} // namespace

cgroup_controller_actor spawn_cgroup_controller(caf::actor_system& sys,
                                                cgroup_options how) {
  return caf::actor_cast<cgroup_controller_actor>(
      sys.spawn(behavior, std::move(how)));
}

} // namespace reeve::actors
