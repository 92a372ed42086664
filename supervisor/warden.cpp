// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/warden.hpp"

#include "actors/cgroup_controller.hpp"
#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/group_removal.hpp"
#include "actors/owed_answer.hpp"
#include "config/text.hpp"
#include "config/validate.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/command_memory.hpp"
#include "supervisor/event_log.hpp"
#include "supervisor/gather.hpp"
#include "supervisor/keeper.hpp"
#include "supervisor/version.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <utility>

namespace reeve::supervisor {

namespace {

struct event_poll_expired {};

struct revival_due {
  std::string key;
  std::uint64_t number = 0; ///< of the plan: another one may have replaced it
};

struct adoption_due {
  std::string key;
};

struct adoption_overdue {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::event_poll_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::revival_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adoption_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adoption_overdue)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using actors::errc;
using actors::make_error;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

using internal_actor = warden_actor::extend<
    caf::reacts_to<event_poll_expired>, caf::reacts_to<revival_due>,
    caf::reacts_to<adoption_due>, caf::reacts_to<adoption_overdue>>;

constexpr auto longest_wait = 60s;

// Of all that is found at the start.
constexpr auto longest_adoption = 30s;

class warden_state {
  struct entry;

public:
  static constexpr const char* name = "warden";

  using self_pointer = internal_actor::pointer;

  warden_state() = default;
  warden_state(const warden_state&) = delete;
  warden_state& operator=(const warden_state&) = delete;

  ~warden_state() {
    for (auto& [key, entry] : entries_)
      caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
  }

  void init(self_pointer self, warden_options how) {
    self_ = self;
    how_ = std::move(how);
    with_ = how_.with.get();
    self->set_down_handler([this](const caf::down_msg& down) { on(down); });
  }

  // -- the collection
  // -------------------------------------------------------------

  caf::result<container_created> create(const create_container& msg) {
    if (auto made = commands_.find(msg.command))
      if (auto known = names_.find(*made); known != names_.end())
        return repeat(entries_.at(known->second), msg);
    if (auto ok = config::validate(msg.spec); !ok)
      return make_error(errc::invalid_argument, to_string(ok.error()));
    if (msg.spec.image)
      if (auto err = check_image(*msg.spec.image))
        return std::move(*err);
    const auto& name = msg.spec.name;
    if (auto above = std::string{config::parent_of(name)};
        !above.empty() && names_.count(above) == 0)
      return make_error(errc::not_found,
                        "container '" + name + "' would be in '" + above
                            + "', which does not exist: create that first");
    if (names_.count(name) != 0)
      return make_error(
          errc::already_exists,
          "container '" + name
              + "' exists already: remove it or take another name");
    commands_.remember(msg.command, name);
    auto& entry = add(name, std::string{config::parent_of(name)});
    entry.info.image = msg.spec.image.value_or(msg.spec.rootfs.value_or(""));
    entry.info.properties = msg.spec.properties;
    return self_->delegate(entry.actor, msg);
  }

  // If it turns out that there is nothing of it, it is made now.
  caf::result<container_created> repeat(entry& which,
                                        const create_container& msg) {
    auto promise = actors::owe<container_created>(self_);
    when_adopted(which, [this, promise, msg](entry* now) mutable {
      if (now != nullptr)
        promise.delegate(now->actor, msg);
      else
        promise.delegate(caf::actor_cast<warden_actor>(self_), msg);
    });
    return promise;
  }

  template <class Reply, class Message>
  caf::result<Reply> forward(const std::string& container, const Message& msg) {
    if (auto* found = find(container))
      return pass_on<Reply>(*found, msg);
    return make_error(errc::not_found,
                      "there is no container " + config::in_quotes(container));
  }

  container_list list(const list_containers& msg) {
    container_list out;
    for (const auto& [key, entry] : entries_)
      if (matches(entry.info, msg))
        out.containers.push_back(entry.info);
    std::sort(
        out.containers.begin(), out.containers.end(),
        [](const auto& a, const auto& b) { return a.container < b.container; });
    return out;
  }

  caf::result<limits_changes> set(const set_limits_of_all& msg) {
    limits_changes out;
    std::vector<set_limits> requests;
    for (const auto& info : list({msg.pattern, msg.properties}).containers) {
      out.containers.push_back({info.container, {}, {}});
      requests.push_back({info.container, msg.values, msg.force});
    }
    return gather<limits_in_force>(
        self_, caf::actor_cast<warden_actor>(self_), std::move(requests),
        std::move(out),
        [](limits_changes& all, std::size_t i, limits_in_force reply) {
          all.containers[i].killed = std::move(reply.killed);
        },
        [](limits_changes& all, std::size_t i, const caf::error& err) {
          all.containers[i].error = actors::text_of(err);
        },
        [](limits_changes&) {});
  }

  // One that is not up has none; one that goes meanwhile is left out.
  caf::result<stats_list> stats(const get_stats_of_all& msg) {
    stats_list out;
    std::vector<get_stats> requests;
    for (const auto& info : list({msg.pattern, msg.properties}).containers)
      if (info.phase == container_phase::running
          || info.phase == container_phase::paused)
        requests.push_back({info.container, false});
    out.containers.resize(requests.size());
    return gather<container_stats>(
        self_, caf::actor_cast<warden_actor>(self_), std::move(requests),
        std::move(out),
        [](stats_list& all, std::size_t i, container_stats reply) {
          all.containers[i] = std::move(reply);
        },
        [](stats_list&, std::size_t, const caf::error&) {},
        [](stats_list& all) {
          std::erase_if(all.containers,
                        [](const auto& one) { return one.id.empty(); });
        });
  }

  void on(container_change& change) {
    auto found = entries_.find(change.key);
    if (found == entries_.end())
      return;
    auto before = found->second.info.phase;
    auto comes_up = before != container_phase::running
                    && change.info.phase == container_phase::running;
    auto& info = found->second.info = std::move(change.info);
    for (auto& item : change.happened)
      how_.log->add(std::move(item));
    if (!change.happened.empty())
      serve_readers();
    if (change.name_free || change.gone)
      free_name(info.container, change.key);
    else if (info.phase != container_phase::held)
      names_.emplace(info.container, change.key); // its own, or free again
    auto& which = found->second;
    auto is_over = info.phase == container_phase::running
                   || info.phase == container_phase::stopped;
    which.revive_when_down = which.revive_when_down && !is_over;
    auto is_awaited = which.revive_when_down && is_down_by_itself(which);
    if (change.asks_revival || is_awaited) {
      which.revive_when_down = false;
      revive(which);
    }
    if (is_pause(before) != is_pause(info.phase))
      tell_of_pause(which);
    which.comes_back = change.comes_back;
    if (comes_up)
      bring_back_nested(which);
    if (change.gone) {
      commands_.forget(info.container);
      self_->send(found->second.actor, container_forgotten{});
      forget_nesting(found->second);
      entries_.erase(found);
    }
  }

  // -- events
  // ---------------------------------------------------------------------

  caf::result<event_batch> events(const get_events& msg) {
    auto max = std::min<std::uint32_t>(std::max(msg.max, 1U), 10'000);
    if (msg.wait_ms <= 0 || msg.after < how_.log->last())
      return how_.log->after(msg.after, max);
    auto promise = actors::owe<event_batch>(self_);
    auto wait = std::min<milliseconds>(milliseconds{msg.wait_ms}, longest_wait);
    readers_.push_back({msg.after, max, clock::now() + wait, promise});
    self_->delayed_send(self_, wait, event_poll_expired{});
    return promise;
  }

  // By hand: what it did before is forgotten.
  caf::result<container_is> start(const start_container& msg) {
    if (auto* found = find(msg.container)) {
      if (auto err = refusal_above(*found); err && is_down(found->info.phase))
        return std::move(*err);
      found->revivals.reset();
      found->is_due = found->revive_when_down = false;
      ++found->revival;
    }
    return forward<container_is>(msg.container, msg);
  }

  caf::result<container_is> stop(const stop_container& msg) {
    if (auto err = refusal_to_end(msg.container))
      return std::move(*err);
    return forward<container_is>(msg.container, msg);
  }

  caf::result<container_is> destroy(const destroy_container& msg) {
    if (auto err = refusal_to_end(msg.container))
      return std::move(*err);
    return forward<container_is>(msg.container, msg);
  }

  // -- containers in containers
  // --------------------------------------------------------

  // Each of them sees to what is in it in the same way.
  caf::result<nested_down> take_down(const take_down_nested& msg) {
    auto promise = actors::owe<nested_down>(self_);
    auto pending = std::make_shared<std::size_t>(1);
    auto failure = std::make_shared<caf::error>();
    auto one_done = [promise, pending, failure]() mutable {
      if (--*pending != 0)
        return;
      if (*failure)
        promise.deliver(std::move(*failure));
      else
        promise.deliver(nested_down{});
    };
    for (const auto& key : nested_in(msg.key)) {
      ++*pending;
      when_adopted(entries_.at(key), [=, this](entry* now) mutable {
        if (now == nullptr)
          return one_done();
        auto done = [one_done](const container_is&) mutable { one_done(); };
        // One that stays up goes with the groups. What was to be destroyed is
        // not to be lost of sight; if it was a defect of ours that kept it,
        // that is not the one of who asks.
        auto failed = [this, one_done, failure,
                       destroys = msg.destroys](const caf::error& err) mutable {
          if (destroys)
            *failure = make_error(errc::wrong_state, actors::text_of(err));
          else
            with_->log->warn("{}", actors::text_of(err));
          one_done();
        };
        const auto& name = now->info.container;
        if (msg.destroys)
          self_
              ->request(now->actor, caf::infinite,
                        destroy_container{name, true, msg.grace_ms})
              .then(done, failed);
        else
          self_
              ->request(now->actor, caf::infinite,
                        stop_with_parent{msg.grace_ms})
              .then(done, failed);
      });
    }
    one_done();
    return promise;
  }

  void on(const adoption_due& event) {
    auto found = entries_.find(event.key);
    if (found == entries_.end())
      return;
    if (found->second.family.expired())
      adopt_again(found->second);
    else
      self_->delayed_send(self_, 5ms, event);
  }

  // One that takes its time must not keep the others from being served; who
  // asks for it waits.
  void on(adoption_overdue) {
    end_adoptions();
  }

  void on(const revival_due& event) {
    auto found = entries_.find(event.key);
    if (found == entries_.end() || event.number != found->second.revival)
      return;
    when_adopted(found->second, [this](entry* which) {
      if (which != nullptr)
        start_again(*which);
    });
  }

  void on(event_poll_expired) {
    serve_readers();
  }

  // -- images and the daemon
  // --------------------------------------------------------

  image_list list_of_images() {
    image_list out;
    images all{with_->store->image_directory()};
    for (auto& item : all.names())
      out.images.push_back({item, all.path_of(item)});
    return out;
  }

  caf::result<daemon_info> daemon() {
    daemon_info out;
    out.version = version;
    out.pid = ::getpid();
    out.state_dir = with_->config.state_dir;
    out.run_dir = with_->config.run_dir;
    out.cgroup_mode = to_string(with_->mounts.mode);
    out.cgroup = with_->cgroup_path;
    out.containers = static_cast<std::uint32_t>(entries_.size());
    out.started_ms = with_->started_ms;
    auto promise = actors::owe<daemon_info>(self_);
    self_->request(how_.pool, 5s, get_pool_stats{})
        .then(
            [promise, out](const pool_stats& stats) mutable {
              out.pool_ready = stats.ready;
              out.pool_size = stats.size;
              out.pool_hits = stats.hits;
              out.pool_misses = stats.misses;
              promise.deliver(std::move(out));
            },
            [promise, out](const caf::error&) mutable {
              promise.deliver(std::move(out)); // busy making: no figures
            });
    return promise;
  }

  // -- adoption and the end
  // ---------------------------------------------------------

  caf::result<all_adopted> adopt(const adopt_all& msg) {
    auto promise = actors::owe<all_adopted>(self_);
    if (std::exchange(has_begun_, true)) {
      promise.deliver(adopted_);
      return promise;
    }
    if (!msg.again) {
      adopter_ = promise;
      self_->delayed_send(self_, longest_adoption, adoption_overdue{});
      if (auto err = adopt_records())
        promise.deliver(std::move(err));
      return promise;
    }
    // What is not in a record was the pool's, or is swept.
    self_->request(how_.pool, caf::infinite, drain_pool{})
        .then([this, promise](pool_drained) { begin_after_failure(promise); },
              [this, promise](const caf::error&) { // by its own failure
                begin_after_failure(promise);
              });
    return promise;
  }

  caf::result<all_stopped> stop() {
    auto promise = actors::owe<all_stopped>(self_);
    auto pending = std::make_shared<std::size_t>(1);
    auto left = std::make_shared<std::uint32_t>(0);
    // One with `remove_on_exit` has stopped when it is gone.
    auto one_done = [promise, pending, left]() mutable {
      if (--*pending == 0)
        promise.deliver(all_stopped{*left});
    };
    for (auto& [key, which] : entries_) {
      if (goes_down_with_another(which)) // or is down with it
        continue;
      ++*pending;
      when_adopted(which, [this, one_done, left](entry* now) mutable {
        if (now == nullptr) // it was not whole, and is gone
          return one_done();
        self_
            ->request(now->actor, caf::infinite,
                      stop_container{now->info.container, -1})
            .then([one_done](const container_is&) mutable { one_done(); },
                  [one_done, left](const caf::error&) mutable {
                    ++*left;
                    one_done();
                  });
      });
    }
    one_done();
    return promise;
  }

private:
  struct entry {
    std::string key;
    container_actor actor;
    container_info info;
    restart_tracker revivals;
    bool is_due = false;           ///< for a revival, or past it for good
    std::uint64_t revival = 0;     ///< numbers the plans for one
    bool revive_when_down = false; ///< the latest one has failed
    std::string above; ///< the name of the container that it is in, or nothing
    bool comes_back = false; ///< with that one
    /// Of its actors: expired when the last of them has ended.
    std::weak_ptr<services> family;
    restart_tracker failures; ///< of its actors
    bool adopting = false;    ///< and answers nobody yet
    std::vector<std::function<void(entry*)>> waiting; ///< for the adoption
  };

  static bool is_to_be_up(container_phase phase) {
    return phase == container_phase::creating
           || phase == container_phase::running
           || phase == container_phase::pausing
           || phase == container_phase::paused
           || phase == container_phase::rebuilding;
  }

  static bool is_down(container_phase phase) {
    return phase == container_phase::stopped || phase == container_phase::failed
           || phase == container_phase::gave_up;
  }

  [[nodiscard]] const entry* named(std::string_view name) const {
    auto found = names_.find(std::string{name});
    return found == names_.end() ? nullptr : &entries_.at(found->second);
  }

  [[nodiscard]] bool goes_down_with_another(const entry& which) const {
    const auto* above = named(which.above);
    return above != nullptr
           && (is_to_be_up(above->info.phase) || is_down(which.info.phase));
  }

  static caf::error refusal(const entry& above, const std::string& container,
                            const std::string& what_first) {
    return make_error(errc::wrong_state,
                      "container '" + above.info.container + "', which '"
                          + container + "' is in, is "
                          + std::string{name_of(above.info.phase)} + ": "
                          + what_first + " it first");
  }

  // It would fail, and be called so.
  [[nodiscard]] std::optional<caf::error>
  refusal_above(const entry& which) const {
    const auto& name = which.info.container;
    if (const auto* paused = paused_above(which))
      return refusal(*paused, name, "resume");
    const auto* above = named(which.above);
    if (above != nullptr && is_down(above->info.phase))
      return refusal(*above, name, "start");
    return std::nullopt;
  }

  // On v1 who is frozen cannot be killed, and would be held.
  [[nodiscard]] std::optional<caf::error>
  refusal_to_end(const std::string& name) const {
    if (with_->mounts.mode == kernel::cgroup_mode::v2)
      return std::nullopt;
    const auto* which = named(name);
    const auto* paused = which != nullptr ? paused_above(*which) : nullptr;
    if (paused == nullptr || is_down(which->info.phase))
      return std::nullopt;
    return refusal(*paused, name, "resume");
  }

  // Keys. One that was held and has lost its name has nothing in it any more.
  [[nodiscard]] std::vector<std::string>
  nested_in(const std::string& key) const {
    std::vector<std::string> out;
    auto above = entries_.find(key);
    if (above == entries_.end())
      return out;
    const auto& name = above->second.info.container;
    if (auto named = names_.find(name);
        named == names_.end() || named->second != key)
      return out;
    // Those that are held and have lost their names, too.
    auto [first, end] = nested_.equal_range(name);
    for (auto at = first; at != end; ++at)
      out.push_back(at->second);
    return out;
  }

  // Of all that is in it, and in that.
  void tell_of_pause(const entry& above) {
    for (const auto& key : nested_in(above.key)) {
      const auto& which = entries_.at(key);
      self_->send(which.actor, parent_paused{paused_above(which) != nullptr});
      tell_of_pause(which);
    }
  }

  static bool is_pause(container_phase phase) {
    return phase == container_phase::pausing
           || phase == container_phase::paused;
  }

  [[nodiscard]] const entry* paused_above(const entry& which) const {
    const auto* above = named(which.above);
    while (above != nullptr && !is_pause(above->info.phase))
      above = named(above->above);
    return above;
  }

  void bring_back_nested(const entry& above) {
    for (const auto& key : nested_in(above.key))
      when_adopted(entries_.at(key), [this](entry* now) {
        if (now != nullptr)
          bring_back(*now);
      });
  }

  void bring_back(entry& which) {
    if (!which.comes_back)
      return;
    self_
        ->request(which.actor, caf::infinite,
                  start_container{which.info.container})
        .then([](const container_is&) {},
              [this](const caf::error& err) {
                with_->log->warn("{}", actors::text_of(err));
              });
  }

  // At once if it is not being adopted; with nothing if it went meanwhile.
  template <class Then>
  void when_adopted(entry& which, Then then) {
    if (which.adopting)
      which.waiting.push_back(std::move(then));
    else
      then(&which);
  }

  template <class Reply, class Message>
  caf::result<Reply> pass_on(entry& to, const Message& msg) {
    if (!to.adopting)
      return self_->delegate(to.actor, msg);
    auto promise = actors::owe<Reply>(self_);
    when_adopted(to, [promise, msg](entry* now) mutable {
      if (now == nullptr)
        promise.deliver(make_error(errc::gone, "the container has gone"));
      else
        promise.delegate(now->actor, msg);
    });
    return promise;
  }

  struct reader {
    std::uint64_t after = 0;
    std::uint32_t max = 0;
    clock::time_point until;
    actors::owed_answer<event_batch> promise;
  };

  entry& add(const std::string& name, const std::string& above) {
    entry out;
    out.above = above;
    out.key = std::to_string(++last_key_);
    out.info.container = name;
    out.revivals = restart_tracker{policy_of(with_->config.revival)};
    out.failures = restart_tracker{policy_for_defects()};
    spawn(out);
    auto key = out.key;
    names_.emplace(name, key); // two records may have it, if one was held
    if (!above.empty())
      nested_.emplace(above, key);
    return entries_.emplace(key, std::move(out)).first->second;
  }

  void spawn(entry& which) {
    container_options how;
    how.with = lease_of(how_.with);
    which.family = how.with;
    how.pool = how_.pool;
    how.sweeper = how_.sweeper;
    auto me = caf::actor_cast<warden_actor>(self_);
    how.directory = caf::actor_cast<container_directory_actor>(me);
    how.key = which.key;
    auto weak = caf::actor_cast<caf::weak_actor_ptr>(me);
    how.on_change = [weak](container_change change) {
      if (auto strong = weak.lock())
        caf::anon_send(caf::actor_cast<warden_actor>(strong),
                       std::move(change));
    };
    which.actor = spawn_container(self_->system(), std::move(how));
    self_->monitor(which.actor);
  }

  static config::restart_policy policy_of(const config::revival_policy& of) {
    config::restart_policy out;
    out.max_restarts = of.max_rebuilds;
    out.window = of.window;
    out.backoff_min = of.backoff_min;
    out.backoff_max = of.backoff_max;
    out.reset_after = of.window;
    return out;
  }

  // And not by anybody's wish: it gave up, or its revival failed.
  static bool is_down_by_itself(const entry& which) {
    return which.info.phase == container_phase::gave_up
           || which.info.phase == container_phase::failed;
  }

  // A container has given up and its policy is that we try again. Above us is
  // nobody: when that was too often, it stays down.
  void revive(entry& which) {
    if (std::exchange(which.is_due, true))
      return;
    auto decision = which.revivals.again(this_moment());
    const auto& name = which.info.container;
    if (decision.action == restart_action::give_up) {
      with_->log->error("container '{}' has given up too often and stays down",
                        name);
      add_event({0,
                 kernel::unix_ms(),
                 event_kind::container_gave_up,
                 name,
                 {},
                 "too often: it stays down"});
      return; // until somebody starts it by hand
    }
    with_->log->warn("container '{}' has given up and is built again in {} ms",
                     name, decision.delay.count());
    self_->delayed_send(self_, decision.delay,
                        revival_due{which.key, ++which.revival});
  }

  void start_again(entry& which) {
    if (!is_down_by_itself(which)) {
      which.is_due = false;
      return; // somebody has decided otherwise
    }
    self_
        ->request(which.actor, caf::infinite,
                  start_container{which.info.container})
        .then(
            [this, key = which.key](const container_is&) {
              if (auto* now = end_plan_of(key))
                now->revivals.on_started(clock::now());
            },
            [this, key = which.key](const caf::error& err) {
              auto* now = end_plan_of(key);
              if (now == nullptr || actors::says_of_failure(err))
                return; // its adoption decides
              // The answer may come while it is still on its way down.
              now->revive_when_down = !is_down_by_itself(*now);
              if (now->revive_when_down)
                return;
              with_->log->warn("{}", actors::text_of(err));
              revive(*now);
            });
  }

  entry* end_plan_of(const std::string& key) {
    auto found = entries_.find(key);
    if (found == entries_.end())
      return nullptr;
    found->second.is_due = false;
    return &found->second;
  }

  // By name; or by id, since a held container has lost its name, and keeps it
  // here only until another one takes it.
  entry* find(const std::string& container) {
    if (auto found = names_.find(container); found != names_.end())
      return &entries_.at(found->second);
    auto found = std::find_if(
        entries_.begin(), entries_.end(), [&container](const auto& item) {
          const auto& info = item.second.info;
          return info.id == container
                 || (info.container == container
                     && info.phase == container_phase::held);
        });
    return found == entries_.end() ? nullptr : &found->second;
  }

  void forget_nesting(const entry& which) {
    auto [first, end] = nested_.equal_range(which.above);
    for (auto at = first; at != end; ++at)
      if (at->second == which.key) {
        nested_.erase(at);
        return;
      }
  }

  // That of a held container may be another's by now.
  void free_name(const std::string& name, const std::string& key) {
    if (auto found = names_.find(name);
        found != names_.end() && found->second == key)
      names_.erase(found);
  }

  // An actor that ended in order has said so before.
  void on(const caf::down_msg& down) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second.actor.address() != down.source)
        continue;
      begin_anew(it->second, down.reason);
      return;
    }
  }

  // A defect of ours: nothing that runs in the container notices. It is adopted
  // as after a crash of the daemon, as soon as its old actors have let go.
  void begin_anew(entry& which, const caf::error& why) {
    auto delay = which.failures.again(this_moment()).delay;
    with_->log->error("the supervisor of container '{}' failed and begins anew "
                      "in {} ms: {}",
                      which.info.container, delay.count(),
                      actors::text_of(why));
    which.adopting = true;
    self_->delayed_send(self_, delay, adoption_due{which.key});
  }

  // Answers when all of them are known: who asks for one that is being adopted
  // waits for that one alone.
  void begin_after_failure(actors::owed_answer<all_adopted> promise) {
    if (auto err = adopt_records()) {
      promise.deliver(std::move(err));
      return;
    }
    self_->send(how_.pool, fill_pool{});
    promise.deliver(adopted_);
  }

  caf::error adopt_records() {
    std::vector<broken_record> broken;
    auto records = with_->store->load(broken);
    if (!records)
      return make_error(records.error());
    adopted_.containers = static_cast<std::uint32_t>(records->size());
    auto pending = std::make_shared<std::size_t>(1);
    auto one_done = [this, pending] {
      if (--*pending == 0)
        end_adoptions();
    };
    // A record that cannot be read still protects its files and processes.
    std::set<std::string> owned;
    for (const auto& [id, why] : broken) {
      with_->log->error("container {} is left alone: {}", id, why);
      owned.insert(id);
      (void)keep_ids_of(id);
    }
    std::set<std::string, std::less<>> names;
    for (const auto& record : *records) {
      owned.insert(record.id);
      names.insert(record.spec.name);
    }
    for (auto& record : *records) {
      // The one that it was in was being destroyed, and it with that. Another
      // one of that name has taken it over.
      if (auto above = missing_above(record, owned);
          !above.empty()
          && !names.contains(config::parent_of(record.spec.name))) {
        with_->log->warn("container '{}' goes with {}, which it was in",
                         record.spec.name, above);
        owned.erase(record.id);
        continue;
      }
      ++*pending;
      auto& entry = add(record.spec.name,
                        is_nested(record) // else it is only a name
                            ? std::string{config::parent_of(record.spec.name)}
                            : "");
      entry.info.id = record.id; // what it is adopted by if it fails first
      entry.adopting = true;
      commands_.remember(record.command, record.spec.name);
      when_adopted(entry, [one_done](auto*) mutable { one_done(); });
      ask_to_adopt(entry, record);
    }
    sweep(owned, pending, one_done);
    one_done();
    return {};
  }

  // Ids. A record comes behind those that its container is in.
  static std::string missing_above(const container_record& record,
                                   const std::set<std::string>& owned) {
    auto path = std::string_view{group_of(record)};
    for (auto slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/')) {
      if (auto id = std::string{path.substr(0, slash)}; owned.count(id) == 0)
        return id;
      path.remove_prefix(slash + 1);
    }
    return {};
  }

  void end_adoptions() {
    if (auto waiting = std::exchange(adopter_, std::nullopt))
      waiting->deliver(adopted_);
  }

  void adopt_again(entry& which) {
    auto record = kernel::result<container_record>{
        kernel::make_error(ENOENT, "adopt what was not begun")};
    if (!which.info.id.empty())
      record = with_->store->load(which.info.id);
    if (!record && record.error().code == ENOENT)
      return forget(which, record.error());
    if (!record) // it may be whole, and only we cannot read
      return begin_anew(which, make_error(record.error()));
    spawn(which);
    which.failures.on_started(clock::now());
    ask_to_adopt(which, *record);
  }

  void ask_to_adopt(const entry& which, const container_record& record) {
    self_->request(which.actor, caf::infinite, adopt_container{record})
        .then(
            [this, key = which.key](const container_is&) { end_adoption(key); },
            [this, key = which.key,
             name = record.spec.name](const caf::error& err) {
              with_->log->error("cannot adopt container '{}': {}", name,
                                actors::text_of(err));
              if (!actors::says_of_failure(err)) // else told by its end, too
                end_adoption(key);
            });
  }

  void end_adoption(const std::string& key) {
    auto found = entries_.find(key);
    if (found == entries_.end() || !found->second.adopting)
      return;
    found->second.adopting = false;
    auto& which = found->second;
    if (paused_above(which) != nullptr)
      self_->send(which.actor, parent_paused{true});
    if (const auto* above = named(which.above);
        above != nullptr && above->info.phase == container_phase::running)
      bring_back(which);
    for (auto& next : std::exchange(found->second.waiting, {}))
      next(&found->second);
  }

  // It was being made or destroyed: what there is of it goes.
  void forget(entry& which, const kernel::sys_error& why) {
    auto key = which.key;
    auto id = which.info.id;
    with_->log->error("container '{}' is not adopted: {}", which.info.container,
                      to_string(why));
    add_event({0,
               kernel::unix_ms(),
               event_kind::container_destroyed,
               which.info.container,
               {},
               to_string(why)});
    for (const auto& nested : nested_in(key))
      when_adopted(entries_.at(nested), [](entry* now) {
        if (now != nullptr)
          caf::anon_send(now->actor,
                         destroy_container{now->info.container, true, -1});
      });
    commands_.forget(which.info.container);
    free_name(which.info.container, key);
    auto waiting = std::move(which.waiting);
    forget_nesting(which);
    entries_.erase(key);
    for (auto& next : waiting)
      next(nullptr);
    if (!id.empty())
      sweep_one(id, group_path_of(id), true, [] {});
  }

  // A root file system of the user's own may lie on a server that does not
  // answer: the mount broker finds out, and can be killed.
  std::optional<caf::error> check_image(const std::string& image) {
    images all{with_->store->image_directory()};
    if (image == "busybox")
      if (auto ok = all.make_busybox(); !ok)
        return make_error(ok.error());
    if (all.exists(image))
      return std::nullopt;
    std::string known;
    for (const auto& item : all.names())
      known += (known.empty() ? "" : ", ") + item;
    return make_error(errc::not_found,
                      "there is no image " + config::in_quotes(image)
                          + "; there are: " + (known.empty() ? "none" : known));
  }

  static bool matches(const container_info& info, const list_containers& msg) {
    if (msg.pattern.find('\0') != std::string::npos)
      return false; // no name has one, and fnmatch(3) would stop there
    if (!msg.pattern.empty()
        && ::fnmatch(msg.pattern.c_str(), info.container.c_str(), 0) != 0)
      return false;
    return std::all_of(msg.properties.begin(), msg.properties.end(),
                       [&info](const auto& item) {
                         auto found = info.properties.find(item.first);
                         return found != info.properties.end()
                                && found->second == item.second;
                       });
  }

  // What a crash has left: groups with processes, directories without record.
  template <class Done>
  void sweep(const std::set<std::string>& owned,
             const std::shared_ptr<std::size_t>& pending, Done one_done) {
    auto groups = with_->cgroups->list();
    if (!groups) {
      with_->log->error("{}", to_string(groups.error()));
      return;
    }
    auto directories = with_->store->ids();
    if (!directories) {
      with_->log->error("{}", to_string(directories.error()));
      return;
    }
    auto strays = by_id(*groups);
    for (const auto& id : *directories)
      strays.emplace(id, id);
    for (const auto& [id, path] : strays) {
      if (owned.count(id) != 0)
        continue;
      ++*pending;
      auto has_files = std::find(directories->begin(), directories->end(), id)
                       != directories->end();
      sweep_one(id, path, has_files, one_done);
    }
  }

  // The path of each one's groups. What somebody else has called so is below.
  static std::map<std::string, std::string>
  by_id(const std::vector<std::string>& paths) {
    std::map<std::string, std::string> out;
    for (const auto& path : paths) {
      auto& known = out[path.substr(path.rfind('/') + 1)];
      if (known.empty() || path.size() < known.size())
        known = path;
    }
    return out;
  }

  // By what there is of them.
  std::string group_path_of(const std::string& id) {
    auto groups = with_->cgroups->list();
    auto paths = groups ? by_id(*groups) : std::map<std::string, std::string>{};
    auto found = paths.find(id);
    return found == paths.end() ? id : found->second;
  }

  // Nobody else may be given ids that files here still bear.
  std::optional<id_base> keep_ids_of(const std::string& id) {
    auto kept = with_->ids->claim_owner_of(with_->store->directory_of(id));
    if (kept)
      return *kept;
    with_->log->error("container {}: {}", id, to_string(kept.error()));
    return std::nullopt;
  }

  template <class Done>
  void sweep_one(const std::string& id, const std::string& path, bool has_files,
                 Done one_done) {
    with_->log->info("sweeping '{}', which no container owns", id);
    // Without a directory the id may soon be a new container's.
    auto ids = has_files ? keep_ids_of(id) : std::nullopt;
    auto files = [this, id, has_files, ids, one_done]() mutable {
      if (has_files)
        supervisor::sweep(self_, *with_, how_.sweeper, {id, ids.value_or(0)});
      one_done();
    };
    auto group = with_->cgroups->leftover(path);
    if (!group)
      return files();
    actors::remove_group(
        self_,
        {std::make_shared<const kernel::container_cgroup>(std::move(*group))},
        {true}, [this, files](const caf::error& err) mutable {
          if (err)
            with_->log->error("{}", actors::text_of(err));
          files();
        });
  }

  void add_event(event what) {
    how_.log->add(std::move(what));
    serve_readers();
  }

  void serve_readers() {
    if (readers_.empty())
      return;
    auto now = clock::now();
    std::vector<reader> left;
    for (auto& item : std::exchange(readers_, {})) {
      if (item.after < how_.log->last() || item.until <= now)
        item.promise.deliver(how_.log->after(item.after, item.max));
      else
        left.push_back(std::move(item));
    }
    readers_ = std::move(left);
  }

  self_pointer self_ = nullptr;
  warden_options how_;
  services* with_ = nullptr;
  std::uint64_t last_key_ = 0;
  std::map<std::string, entry> entries_;     ///< by key
  std::map<std::string, std::string> names_; ///< name to key
  /// The name that it is below to key: those that lost their names, too.
  std::multimap<std::string, std::string> nested_;
  command_memory<std::string> commands_{1024}; ///< and the names
  std::vector<reader> readers_;
  bool has_begun_ = false; ///< to adopt
  all_adopted adopted_;
  std::optional<actors::owed_answer<all_adopted>> adopter_;
};

internal_actor::behavior_type
warden_behavior(internal_actor::stateful_pointer<warden_state> self,
                const warden_options& how) {
  self->state.init(self, how);
  auto s = actors::handlers_for(self);
  return {
      [s](const create_container& m) { return s->create(m); },
      [s](const destroy_container& m) { return s->destroy(m); },
      [s](const start_container& m) { return s->start(m); },
      [s](const stop_container& m) { return s->stop(m); },
      [s](const pause_container& m) {
        return s->forward<container_is>(m.container, m);
      },
      [s](const resume_container& m) {
        return s->forward<container_is>(m.container, m);
      },
      [s](const hold_container& m) {
        return s->forward<container_is>(m.container, m);
      },
      [s](const release_container& m) {
        return s->forward<container_is>(m.container, m);
      },
      [s](const run_process& m) {
        return s->forward<process_started>(m.container, m);
      },
      [s](const start_process& m) {
        return s->forward<process_started>(m.container, m);
      },
      [s](const stop_process& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const remove_process& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const signal_process& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const resize_terminal& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const write_input& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const read_output& m) {
        return s->forward<output_chunk>(m.container, m);
      },
      [s](const wait_process& m) {
        return s->forward<process_is>(m.container, m);
      },
      [s](const set_limits& m) {
        return s->forward<limits_in_force>(m.container, m);
      },
      [s](const get_limits& m) {
        return s->forward<limits_in_force>(m.container, m);
      },
      [s](const get_effective_limits& m) {
        return s->forward<effective_limits>(m.container, m);
      },
      [s](const set_limits_of_all& m) { return s->set(m); },
      [s](const reclaim_memory& m) {
        return s->forward<memory_reclaimed>(m.container, m);
      },
      [s](const get_oom& m) { return s->forward<oom_status>(m.container, m); },
      [s](const decide_oom& m) {
        return s->forward<oom_status>(m.container, m);
      },
      [s](const get_stats& m) {
        return s->forward<container_stats>(m.container, m);
      },
      [s](const get_stats_of_all& m) { return s->stats(m); },
      [s](const list_containers& m) { return s->list(m); },
      [s](const get_container& m) {
        return s->forward<container_details>(m.container, m);
      },
      [s](const get_events& m) { return s->events(m); },
      [s](list_images) { return s->list_of_images(); },
      [s](get_daemon) { return s->daemon(); },
      [](const upgrade_daemon&) -> caf::result<daemon_upgrading> {
        return make_error(errc::wrong_state,
                          "Reeve runs within a program of its own here, and "
                          "only reeved can be upgraded so");
      },
      [s](const run_process_with_stdio& m) {
        return s->forward<process_started>(m.run.container, m);
      },
      [s](const adopt_all& m) { return s->adopt(m); },
      [s](stop_all) { return s->stop(); },
      [s](const resolve_holder& m) {
        return s->forward<holder_resolved>(m.container, m);
      },
      [s](const resolve_group& m) {
        return s->forward<group_resolved>(m.container, m);
      },
      [s](const take_down_nested& m) { return s->take_down(m); },
      [s](container_change& m) { s->on(m); },
      [s](event_poll_expired event) { s->on(event); },
      [s](const revival_due& event) { s->on(event); },
      [s](const adoption_due& event) { s->on(event); },
      [s](adoption_overdue event) { s->on(event); },
  };
}

} // namespace

warden_actor spawn_warden(caf::actor_system& sys, warden_options how) {
  return caf::actor_cast<warden_actor>(
      sys.spawn(warden_behavior, std::move(how)));
}

} // namespace reeve::supervisor
