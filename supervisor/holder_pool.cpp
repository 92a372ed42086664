// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/holder_pool.hpp"

#include "actors/cgroup_controller.hpp"
#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "actors/group_removal.hpp"
#include "actors/owed_answer.hpp"
#include "config/container_spec.hpp"
#include "kernel-iface/cgroup_devices.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/process_identity.hpp"
#include "kernel-iface/seccomp_filter.hpp"
#include "supervisor/container_kit.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <linux/capability.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <deque>
#include <functional>
#include <map>
#include <utility>

namespace reeve::supervisor {

namespace {

struct refill_pool {};

} // namespace

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::refill_pool)

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using kernel::zygote::ns_kind;
using kernel::zygote::ns_mode;

using internal_actor = holder_pool_actor::extend<caf::reacts_to<refill_pool>>;

// After a failure the pool rests: a host that is out of something is not
// helped by trying on.
constexpr auto pause_after_failure = 1s;

// Long enough to stay out of the way of the create that took the last kit.
constexpr auto refill_delay = 10ms;

constexpr auto longest_wait_for_files = 5s;

using on_made = std::function<void(shared_kit)>;
using on_failed = std::function<void(caf::error)>;

kernel::capability_set needed_by_holder() {
  kernel::capability_set out;
  for (auto cap : {CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
                   CAP_SYS_ADMIN})
    out.add(cap);
  return out;
}

kernel::stage_options stage_of(const kit_request& request, id_base base,
                               const kernel::cgroup_mounts& mounts) {
  kernel::stage_options out;
  out.first_id = base;
  out.masked_paths = request.masked_paths;
  out.read_only_paths = request.read_only_paths;
  switch (mounts.mode) {
  case kernel::cgroup_mode::v1:
    out.cgroups = kernel::cgroup_view::v1;
    break;
  case kernel::cgroup_mode::hybrid:
    out.cgroups = kernel::cgroup_view::hybrid;
    break;
  case kernel::cgroup_mode::v2:
    out.cgroups = kernel::cgroup_view::v2;
    break;
  }
  using kernel::controller;
  for (const auto& hierarchy : mounts.v1) {
    std::string names;
    for (auto which :
         {controller::cpu, controller::cpuacct, controller::cpuset,
          controller::memory, controller::devices, controller::freezer,
          controller::blkio, controller::pids})
      if (hierarchy.controllers.contains(which))
        names += (names.empty() ? "" : ",") + std::string{to_string(which)};
    out.v1_hierarchies.push_back(names);
  }
  return out;
}

// In groups that are held up a newborn is, too, and with it the next ones.
kernel::result<void> check_groups_above(const kernel::container_cgroup& group) {
  auto refuse = [&group](const std::string& why) {
    return kernel::make_error(EBUSY, "make a container in", group.above().id(),
                              why);
  };
  if (auto frozen = kernel::is_frozen_from_above(group); frozen && *frozen)
    return refuse("that is frozen: resume it first");
  for (auto at = group; at.is_nested();) {
    at = at.above();
    if (auto out = kernel::is_out_of_memory(at); out && *out)
      return refuse("that is out of memory");
  }
  return {};
}

class pool_state {
public:
  static constexpr const char* name = "holder_pool";

  using self_pointer = internal_actor::pointer;

  void init(self_pointer self, std::shared_ptr<services> with,
            file_sweeper_actor sweeper, std::shared_ptr<dropped_kits> dropped,
            caf::weak_actor_ptr front) {
    self_ = self;
    with_ = std::move(with);
    sweeper_ = std::move(sweeper);
    dropped_ = std::move(dropped);
    front_ = std::move(front);
    stats_.size = with_->config.pool_size;
    self->set_down_handler([this](const caf::down_msg& down) {
      if (auto waiting = ends_.extract(down.source))
        waiting.mapped()(down.reason);
    });
  }

  void fill() {
    draining_ = with_->closing;
    open_ = true;
    discard_dropped_kits();
    refill();
  }

  caf::result<shared_kit> take(const take_kit& msg) {
    if (draining_)
      return actors::make_error(actors::errc::gone, "the runtime is stopping");
    drop_dead();
    if (!ready_.empty() && msg.request == default_request()) {
      ++stats_.hits;
      auto out = std::move(ready_.front());
      ready_.pop_front();
      schedule_refill(refill_delay);
      return out;
    }
    ++stats_.misses;
    auto promise = actors::owe<shared_kit>(self_);
    make(
        msg.request,
        [promise](shared_kit made) mutable {
          promise.deliver(std::move(made));
        },
        [promise](caf::error err) mutable { promise.deliver(std::move(err)); });
    return promise;
  }

  void refill() {
    refill_scheduled_ = false;
    if (!open_ || draining_ || making_ || ready_.size() >= stats_.size)
      return;
    making_ = true;
    make(
        default_request(),
        [this](shared_kit made) {
          making_ = false;
          if (draining_) {
            discard(made);
            return;
          }
          ready_.push_back(std::move(made));
          refill();
        },
        [this](const caf::error& err) {
          making_ = false;
          with_->log->warn("cannot fill the pool of holders: {}",
                           actors::text_of(err));
          schedule_refill(pause_after_failure);
          finish_drain();
        });
  }

  pool_stats stats() {
    auto out = stats_;
    out.ready = static_cast<std::uint32_t>(ready_.size());
    return out;
  }

  caf::result<pool_drained> drain() {
    draining_ = true;
    discard_dropped_kits();
    auto promise = actors::owe<pool_drained>(self_);
    drainers_.push_back(promise);
    for (auto& item : std::exchange(ready_, {}))
      discard(item);
    finish_drain();
    return promise;
  }

  // Shared before anything is done: should one of them fail us, the others come
  // back.
  void discard_dropped_kits() {
    std::vector<shared_kit> all;
    for (auto& item : dropped_->take_all())
      all.push_back(shared(std::move(item)));
    for (const auto& item : all)
      discard(item);
  }

private:
  void discard(const shared_kit& which) {
    discard(which, [] {});
  }

  // A PID 1 that waits may be killed like any other process.
  void drop_dead() {
    while (!ready_.empty() && has_ended(ready_.front()->holder_pidfd)) {
      with_->log->warn("a holder of the pool has ended: {}",
                       ready_.front()->id);
      discard(ready_.front());
      ready_.pop_front();
      schedule_refill(refill_delay);
    }
  }

  static bool has_ended(const actors::shared_fd& pidfd) {
    pollfd ended{pidfd->get(), POLLIN, 0};
    return ::poll(&ended, 1, 0) > 0;
  }

  // Every part may be missing: also used for what was half made.
  void discard(const shared_kit& which, const std::function<void()>& gone) {
    ++discarding_;
    if (which->holder_pidfd)
      ::syscall(SYS_pidfd_send_signal, which->holder_pidfd->get(), SIGKILL,
                nullptr, 0);
    if (which->holder)
      self_->send_exit(which->holder, caf::exit_reason::user_shutdown);
    if (!which->cgroup)
      return forget(*which, gone);
    actors::remove_group(
        self_,
        {which->cgroup, with_->config.deadlines.kill, with_->control.get()},
        {true, which->holder_pidfd},
        [this, which, gone](const caf::error& err) {
          if (err)
            with_->log->error("cannot remove what is left of '{}': {}",
                              which->id, actors::text_of(err));
          forget(*which, gone);
        });
  }

  void schedule_refill(std::chrono::milliseconds after) {
    if (refill_scheduled_ || draining_ || stats_.size == 0)
      return;
    refill_scheduled_ = true;
    self_->delayed_send(self_, after, refill_pool{});
  }

  void forget(kit& which, const std::function<void()>& gone) {
    which.is_claimed = true; // nobody needs to see to it any more
    if (which.owns_ids && !which.id.empty())
      sweep(self_, *with_, sweeper_, {which.id, which.uid_base});
    else if (which.owns_ids && which.uid_base != 0)
      with_->ids->give_back(which.uid_base);
    --discarding_;
    gone();
    finish_drain();
  }

  void finish_drain() {
    if (!draining_ || discarding_ > 0 || making_)
      return;
    for (auto& waiting : std::exchange(drainers_, {}))
      waiting.deliver(pool_drained{});
  }

  // -- the steps of making a kit ---------------------------------------------

  struct making {
    kit_request request;
    shared_kit out;
    on_made made;
    on_failed failed;
  };

  using shared_making = std::shared_ptr<making>;

  // A PID 1 that is not sealed ends with the actor that talks to it, and then
  // everybody else finds nothing: the failure is what there is to tell.
  void fail(const shared_making& m, caf::error err) {
    const auto& holder = m->out->holder;
    if (!holder)
      return give_up(m, std::move(err));
    ++discarding_; // who drains the pool waits for it
    ends_[holder.address()] = [this, m,
                               err = std::move(err)](const caf::error& reason) {
      --discarding_;
      give_up(m, actors::is_failure(reason) ? reason : err);
    };
    self_->monitor(holder);
    self_->send_exit(holder, caf::exit_reason::user_shutdown);
  }

  // Told when nothing of it is left.
  void give_up(const shared_making& m, caf::error err) {
    discard(m->out, [m, err = std::move(err)] { m->failed(err); });
  }

  // The last to drop it may be any actor's mailbox, or a pool that fails: it
  // only writes that down and sends.
  struct give_back {
    std::shared_ptr<dropped_kits> to;
    caf::weak_actor_ptr front;

    void operator()(kit* dropped) const {
      constexpr unsigned most = 3; // not again and again what we fail with
      std::unique_ptr<kit> owned{dropped};
      if (owned->is_claimed || ++owned->returns > most)
        return;
      to->add(std::move(owned));
      if (auto pool = front.lock())
        caf::anon_send(caf::actor_cast<holder_pool_actor>(pool),
                       discard_dropped{});
    }
  };

  shared_kit shared(std::unique_ptr<kit> what) {
    return {what.release(), give_back{dropped_, front_}};
  }

  void make(const kit_request& request, on_made made, on_failed failed) {
    auto m = std::make_shared<making>();
    m->out = shared(std::make_unique<kit>());
    m->request = request;
    m->made = std::move(made);
    m->failed = std::move(failed);
    auto& out = *m->out;
    out.owns_ids = request.id.empty();
    out.uid_base = request.uid_base;
    out.id = request.id;
    begin(m, true);
  }

  // What was removed a moment ago may still be on the disk, and keep its ids.
  void begin(const shared_making& m, bool may_wait) {
    auto& out = *m->out;
    auto numbers = take_numbers(out);
    if (!numbers && numbers.error().code == ENOSPC && may_wait) {
      self_->request(sweeper_, longest_wait_for_files, finish_sweeping{})
          .then([this, m](sweeping_finished) { begin(m, false); },
                [this, m](const caf::error&) { begin(m, false); });
      return;
    }
    if (!numbers)
      return fail(m, actors::make_error(numbers.error()));
    const auto& within = m->request.within;
    auto cgroup =
        with_->cgroups->create(within.empty() ? out.id : within + "/" + out.id);
    if (!cgroup)
      return fail(m, actors::make_error(cgroup.error()));
    out.cgroup =
        std::make_shared<const kernel::container_cgroup>(std::move(*cgroup));
    if (out.cgroup->is_nested())
      if (auto ok = check_groups_above(*out.cgroup); !ok)
        return fail(m, actors::make_error(ok.error()));
    start(m);
  }

  kernel::result<void> take_numbers(kit& out) {
    if (out.id.empty()) {
      auto id = with_->store->make_id();
      if (!id)
        return tl::make_unexpected(std::move(id.error()));
      out.id = std::move(*id);
    }
    if (out.uid_base == 0) {
      auto base = with_->ids->take();
      if (!base)
        return tl::make_unexpected(std::move(base.error()));
      out.uid_base = *base;
    }
    return {};
  }

  /// The host's id of the container's root.
  [[nodiscard]] static std::uint32_t root_of(const making& m) {
    switch (m.request.modes[static_cast<std::size_t>(ns_kind::user)]) {
    case ns_mode::host:
      return 0;
    case ns_mode::joined:
      return first_id_of(m.out->holder_pid).value_or(m.out->uid_base);
    case ns_mode::fresh:
      break;
    }
    return m.out->uid_base;
  }

  void start(const shared_making& m) {
    actors::start_holder order;
    order.modes = m->request.modes;
    order.joined = m->request.joined;
    order.id_base = m->out->uid_base;
    order.id_count = ids_per_container;
    order.cgroup = m->out->cgroup;
    self_->request(with_->zygote, caf::infinite, std::move(order))
        .then(
            [this, m](const actors::holder_started& started) {
              prepare(m, started);
            },
            [this, m](caf::error& err) { fail(m, std::move(err)); });
  }

  void prepare(const shared_making& m, const actors::holder_started& started) {
    m->out->holder_pid = started.pid;
    m->out->holder_pidfd = started.pidfd;
    m->out->limits_socket = started.limits_socket;
    auto since = kernel::start_time(started.pid);
    if (!since || !*since)
      return fail(m, actors::make_error(actors::errc::gone,
                                        "the new PID 1 died at once"));
    m->out->holder_start_time = **since;
    actors::holder_options how;
    how.control = started.control;
    how.cgroup = m->out->cgroup;
    how.keep_alive = with_->shared_from_this(); // it outlives this pool
    how.deadline = with_->config.deadlines.start;
    m->out->holder =
        actors::spawn_namespace_holder(self_->system(), *with_->control, how);
    if (auto ok = place(m); !ok)
      return fail(m, actors::make_error(ok.error()));
    actors::prepare_root order{
        started.pid, started.pidfd, started.limits_socket,
        stage_of(m->request, root_of(*m), with_->mounts)};
    self_->request(with_->broker, caf::infinite, std::move(order))
        .then(
            [this, m](const actors::root_prepared& done) {
              for (const auto& text : done.warnings)
                with_->log->debug("container '{}': {}", m->out->id, text);
              seal(m);
            },
            [this, m](caf::error& err) { fail(m, std::move(err)); });
  }

  // What can only be said about the groups once PID 1 has left them.
  kernel::result<void> place(const shared_making& m) {
    const auto& cgroup = *m->out->cgroup;
    if (auto ok = cgroup.finish_placement(); !ok)
      return ok;
    // v1 has it from the group above; where memory is no controller, nobody
    // has.
    if (cgroup.is_nested())
      if (auto ok = kernel::set_oom_pause(cgroup, kernel::oom_pause::off);
          !ok && ok.error().code != ENODEV)
        return ok;
    if (auto oom = kernel::read_oom_counts(cgroup)) // else nobody has a limit
      m->out->oom = *oom;
    if (auto root = root_of(*m); root != 0)
      if (auto ok = cgroup.delegate_to(root, root); !ok)
        return ok;
    if (m->request.privileged)
      return {};
    return kernel::set_devices(cgroup, kernel::default_device_rules());
  }

  void seal(const shared_making& m) {
    actors::seal_holder msg;
    auto keep = m->request.capabilities | needed_by_holder();
    msg.order.keep_capabilities = keep.bits();
    if (m->request.seccomp) {
      auto program = with_->seccomp_for(m->request.capabilities);
      if (!program)
        return fail(m, actors::make_error(program.error()));
      msg.order.seccomp = std::move(*program);
      auto guard = kernel::clone3_guard();
      msg.order.clone3_guard.assign(guard.begin(), guard.end());
    }
    self_->request(m->out->holder, caf::infinite, std::move(msg))
        .then([m](actors::holder_done) { m->made(m->out); },
              [this, m](caf::error& err) { fail(m, std::move(err)); });
  }

  self_pointer self_ = nullptr;
  std::shared_ptr<services> with_;
  file_sweeper_actor sweeper_;
  std::shared_ptr<dropped_kits> dropped_;
  caf::weak_actor_ptr front_; ///< what others know us by
  std::deque<shared_kit> ready_;
  pool_stats stats_;
  bool open_ = false;
  bool making_ = false;
  bool refill_scheduled_ = false;
  bool draining_ = false;
  unsigned discarding_ = 0;
  std::vector<actors::owed_answer<pool_drained>> drainers_;
  /// What follows the end of an actor that we have told to end.
  std::map<caf::actor_addr, std::function<void(const caf::error&)>> ends_;
};

internal_actor::behavior_type
pool_behavior(internal_actor::stateful_pointer<pool_state> self,
              const std::shared_ptr<services>& with,
              const file_sweeper_actor& sweeper,
              const std::shared_ptr<dropped_kits>& dropped,
              const caf::weak_actor_ptr& front) {
  self->state.init(self, with, sweeper, dropped, front);
  auto s = actors::handlers_for(self);
  return {
      [=](const take_kit& msg) { return s->take(msg); },
      [=](fill_pool) { s->fill(); },
      [=](discard_dropped) { s->discard_dropped_kits(); },
      [=](get_pool_stats) { return s->stats(); },
      [=](drain_pool) { return s->drain(); },
      [=](refill_pool) { s->refill(); },
  };
}

} // namespace

void dropped_kits::add(std::unique_ptr<kit> what) {
  std::lock_guard guard{mutex_};
  all_.push_back(std::move(what));
}

std::vector<std::unique_ptr<kit>> dropped_kits::take_all() {
  std::lock_guard guard{mutex_};
  return std::exchange(all_, {});
}

kit_request default_request() {
  kit_request out;
  out.capabilities = kernel::capability_set::container_default();
  out.masked_paths = config::default_masked_paths();
  out.read_only_paths = config::default_readonly_paths();
  return out;
}

holder_pool_actor spawn_holder_pool(caf::actor_system& sys,
                                    std::shared_ptr<services> with,
                                    file_sweeper_actor sweeper,
                                    std::shared_ptr<dropped_kits> dropped,
                                    caf::weak_actor_ptr front) {
  return caf::actor_cast<holder_pool_actor>(sys.spawn<caf::detached>(
      pool_behavior, std::move(with), std::move(sweeper), std::move(dropped),
      std::move(front)));
}

} // namespace reeve::supervisor
