// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/runtime.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "config/validate.hpp"
#include "kernel-iface/features.hpp"
#include "kernel-iface/helper_process.hpp"
#include "kernel-iface/process_identity.hpp"
#include "kernel-iface/unix_time.hpp"
#include "supervisor/file_sweeper.hpp"
#include "supervisor/holder_pool.hpp"
#include "supervisor/keeper.hpp"
#include "supervisor/log_outlet.hpp"
#include "supervisor/logging.hpp"
#include "supervisor/services.hpp"
#include "supervisor/version.hpp"
#include "supervisor/warden.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/logger.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace reeve::supervisor {

using namespace std::chrono_literals;
using kernel::unique_fd;

namespace {

// One instance for each state directory, on whatever path it is reached.
std::string instance_id(const std::string& state_dir) {
  std::uint64_t hash = 14695981039346656037ULL; // FNV-1a
  for (unsigned char c : state_dir)
    hash = (hash ^ c) * 1099511628211ULL;
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x",
                static_cast<unsigned>(hash ^ (hash >> 32U)));
  return text.data();
}

/// Who has written his number into the lock's file.
std::string owner_of(const unique_fd& lock) {
  std::array<char, 32> text{};
  auto size = ::pread(lock.get(), text.data(), text.size() - 1, 0);
  return {text.data(), static_cast<std::size_t>(std::max(size, ssize_t{0}))};
}

bool is_alive(const std::string& pid) {
  auto number = std::atoi(pid.c_str());
  return number <= 0 || ::kill(number, 0) == 0 || errno != ESRCH;
}

kernel::result<unique_fd> take_lock(const std::string& state_dir) {
  auto path = state_dir + "/lock";
  auto fd = unique_fd::adopt(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd)
    return kernel::last_error("open", path);
  // One that was killed while it started a helper leaves a child that has the
  // lock, too, until it executes the helper.
  for (auto tries = 400; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; --tries) {
    if (errno != EWOULDBLOCK)
      return kernel::last_error("lock", path);
    auto owner = owner_of(fd);
    if (tries == 0 || is_alive(owner))
      return kernel::make_error(EBUSY, "start on", state_dir,
                                "another Reeve runs there, pid " + owner);
    std::this_thread::sleep_for(5ms);
  }
  // Cut afterwards: an empty file would need a block, and the next daemon must
  // come up on a disk that is full.
  auto pid = std::to_string(::getpid());
  auto size = static_cast<ssize_t>(pid.size());
  if (::pwrite(fd.get(), pid.data(), pid.size(), 0) != size
      || ::ftruncate(fd.get(), size) != 0)
    return kernel::last_error("write", path);
  return fd;
}

kernel::result<void> check_host() {
  if (::geteuid() != 0)
    return kernel::make_error(EPERM, "start containers", {},
                              "Reeve needs root");
  auto missing = kernel::missing_for_containers(kernel::probe_features());
  if (missing.empty())
    return {};
  std::string text;
  for (const auto& item : missing)
    text += (text.empty() ? "" : "; ") + to_string(item);
  return kernel::make_error(ENOSYS, "start containers on this kernel", {},
                            text);
}

} // namespace

struct runtime::parts {
  explicit parts(caf::actor_system& sys) : system(sys) {}

  caf::actor_system& system;
  unique_fd lock;
  std::shared_ptr<services> with;
  std::future<void> services_gone;
  file_sweeper_actor sweeper;
  holder_pool_actor pool;
  warden_actor warden;
  local_api_actor api;
  bool stopped = false;
};

namespace {

template <class Pass>
auto pass_on(Pass& failed) {
  return tl::make_unexpected(std::move(failed.error()));
}

// Destroyed when the last actor has let go: only then may the pollers end.
std::shared_ptr<services> make_services(std::future<void>& gone) {
  auto signal = std::make_shared<std::promise<void>>();
  gone = signal->get_future();
  return {new services, [signal](services* which) {
            delete which;
            signal->set_value();
          }};
}

kernel::result<void> fill_services(services& with,
                                   const config::daemon_config& cfg) {
  with.config = cfg;
  std::error_code err;
  with.config.state_dir = std::filesystem::canonical(cfg.state_dir, err);
  if (err)
    return kernel::make_error(err.value(), "open", cfg.state_dir);
  auto log = make_logger(cfg.log);
  if (!log)
    return pass_on(log);
  with.log = std::move(*log);
  auto boot = kernel::boot_id();
  if (!boot)
    return pass_on(boot);
  with.boot_id = std::move(*boot);
  auto control = actors::poller::make("reeve-control");
  if (!control)
    return pass_on(control);
  with.control = std::move(*control);
  auto streams = actors::poller::make("reeve-streams");
  if (!streams)
    return pass_on(streams);
  with.streams = std::move(*streams);
  with.outlet = std::make_shared<log_outlet>(cfg.log, *with.streams);
  auto mounts = kernel::cgroup_mounts::probe();
  if (!mounts)
    return pass_on(mounts);
  with.mounts = std::move(*mounts);
  auto id = instance_id(with.config.state_dir);
  with.cgroup_path = cfg.cgroup_parent + "/reeve-" + id;
  auto groups =
      kernel::cgroup_instance::open(with.mounts, cfg.cgroup_parent, id);
  if (!groups)
    return pass_on(groups);
  with.cgroups = std::make_unique<kernel::cgroup_instance>(std::move(*groups));
  with.ids = std::make_unique<id_ranges>(cfg.ids, with.config.state_dir);
  with.store = std::make_unique<state_store>(with.config.state_dir);
  return with.store->open();
}

// -- who has to be there always
// ----------------------------------------------------------------

using lease = std::shared_ptr<services>;

actors::zygote_actor keep_zygote(caf::actor_system& sys, const lease& with,
                                 const std::string& program) {
  return keep<actors::zygote_actor>(
      sys, {"zygote's actor", with, [program](auto& in, auto& of, auto&) {
              return caf::actor_cast<caf::actor>(actors::spawn_zygote(
                  in, *of->control, {program, of->config.deadlines.mount, of}));
            }});
}

actors::mount_broker_actor keep_broker(caf::actor_system& sys,
                                       const lease& with,
                                       const std::string& program) {
  return keep<actors::mount_broker_actor>(
      sys, {"mount broker's actor", with, [program](auto& in, auto& of, auto&) {
              return caf::actor_cast<caf::actor>(actors::spawn_mount_broker(
                  in, *of->control, {program, of->config.deadlines.mount, of}));
            }});
}

file_sweeper_actor keep_sweeper(caf::actor_system& sys, const lease& with) {
  return keep<file_sweeper_actor>(
      sys, {"file sweeper", with, [](auto& in, auto& of, auto&) {
              return caf::actor_cast<caf::actor>(spawn_file_sweeper(in, of));
            }});
}

holder_pool_actor keep_pool(caf::actor_system& sys, const lease& with,
                            const file_sweeper_actor& sweeper) {
  kept_actor pool{"pool of holders", with,
                  [sweeper, dropped = std::make_shared<dropped_kits>()](
                      auto& in, auto& of, auto& front) {
                    return caf::actor_cast<caf::actor>(
                        spawn_holder_pool(in, of, sweeper, dropped, front));
                  }};
  pool.after_failure = [](auto* self, auto& next, auto done) {
    self->send(caf::actor_cast<holder_pool_actor>(next), fill_pool{});
    done({});
  };
  return keep<holder_pool_actor>(sys, std::move(pool));
}

warden_actor keep_warden(caf::actor_system& sys, const warden_options& how) {
  kept_actor warden{"warden", how.with, [how](auto& in, auto& of, auto&) {
                      auto one = how;
                      one.with = of;
                      return caf::actor_cast<caf::actor>(
                          spawn_warden(in, std::move(one)));
                    }};
  warden.after_failure = [](auto* self, auto& next, auto done) {
    self->request(caf::actor_cast<warden_actor>(next), caf::infinite,
                  adopt_all{true})
        .then([done](const all_adopted&) { done({}); },
              [done](const caf::error& err) { done(err); });
  };
  return keep<warden_actor>(sys, std::move(warden));
}

std::shared_ptr<event_log> new_event_log() {
  auto out = std::make_shared<event_log>();
  out->add({0, kernel::unix_ms(), event_kind::daemon_started, {}, {}, version});
  return out;
}

} // namespace

runtime::runtime(std::unique_ptr<parts> with) : parts_(std::move(with)) {}

kernel::result<std::unique_ptr<runtime>>
runtime::start(caf::actor_system& sys, const config::daemon_config& cfg) {
  if (auto ok = config::validate(cfg); !ok)
    return kernel::make_error(EINVAL, to_string(ok.error()));
  if (auto ok = check_host(); !ok)
    return pass_on(ok);
  for (const auto& dir : {cfg.state_dir, cfg.run_dir}) {
    std::error_code err;
    std::filesystem::create_directories(dir, err);
    if (err)
      return kernel::make_error(err.value(), "make directory", dir);
  }
  auto parts_of = std::make_unique<parts>(sys);
  auto& p = *parts_of;
  auto lock = take_lock(cfg.state_dir);
  if (!lock)
    return pass_on(lock);
  p.lock = std::move(*lock);
  p.with = make_services(p.services_gone);
  if (auto ok = fill_services(*p.with, cfg); !ok)
    return pass_on(ok);
  auto program = kernel::find_helper(cfg.holder_path.value_or(""));
  if (!program)
    return pass_on(program);
  p.with->zygote = keep_zygote(sys, p.with, *program);
  p.with->broker = keep_broker(sys, p.with, *program);
  p.sweeper = keep_sweeper(sys, p.with);
  p.pool = keep_pool(sys, p.with, p.sweeper);
  p.warden = keep_warden(sys, {p.with, p.pool, p.sweeper, new_event_log()});
  p.api = p.warden;
  auto out = std::unique_ptr<runtime>(new runtime(std::move(parts_of)));
  caf::scoped_actor self{sys};
  auto until = std::chrono::steady_clock::now() + 60s;
  caf::error failed;
  do {
    failed = {};
    self->request(p.warden, 60s, adopt_all{})
        .receive(
            [&](const all_adopted& done) {
              p.with->log->info("adopted {} containers", done.containers);
            },
            [&](const caf::error& err) { failed = err; });
    if (actors::says_of_failure(failed)) // then its successor adopts
      std::this_thread::sleep_for(5ms);
  } while (actors::says_of_failure(failed)
           && std::chrono::steady_clock::now() < until);
  if (failed)
    return kernel::make_error(0,
                              "adopt containers: " + actors::text_of(failed));
  self->send(p.pool, fill_pool{});
  return out;
}

runtime::~runtime() {
  stop(farewell::keep);
}

const local_api_actor& runtime::api() const {
  return parts_->api;
}

void runtime::reopen_log() {
  reopen(*parts_->with->log, parts_->with->config.log);
}

void runtime::stop(farewell how, std::chrono::milliseconds deadline) {
  auto& p = *parts_;
  if (std::exchange(p.stopped, true))
    return;
  auto until = std::chrono::steady_clock::now() + deadline;
  caf::scoped_actor self{p.system};
  auto warn = [&](const char* what) {
    return [&p, what](const caf::error& err) {
      p.with->log->warn("{}: {}", what, actors::text_of(err));
    };
  };
  if (how == farewell::stop)
    self->request(p.warden, deadline, stop_all{})
        .receive([](const all_stopped&) {}, warn("stopping all containers"));
  p.with->closing = true;
  for (auto tries = 3, failed = 1; failed != 0 && tries > 0; --tries)
    self->request(p.pool, 10s, drain_pool{})
        .receive([&](pool_drained) { failed = 0; },
                 warn("draining the pool of holders"));
  // What is not deleted by then, the next daemon sweeps.
  auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  self->request(p.sweeper, std::clamp(left_ms, 0ms, 5'000ms), finish_sweeping{})
      .receive([](sweeping_finished) {}, warn("deleting files"));
  p.with->leaving = true;
  if (auto left = p.with->store->ids(); left && left->empty()) {
    if (auto freed = p.with->ids->release_all(); !freed)
      p.with->log->warn("{}", to_string(freed.error()));
    if (auto gone = p.with->cgroups->remove(); !gone)
      p.with->log->warn("{}", to_string(gone.error()));
  }
  auto end = [](auto& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    actor = nullptr;
  };
  auto zygote = std::exchange(p.with->zygote, nullptr);
  auto broker = std::exchange(p.with->broker, nullptr);
  p.api = nullptr;
  end(p.warden);
  end(p.pool);
  end(p.sweeper);
  end(zygote);
  end(broker);
  auto log = p.with->log;
  p.with.reset();
  if (p.services_gone.wait_until(until) != std::future_status::ready)
    log->error("some actors did not end in time");
}

void add_message_types(caf::actor_system_config& cfg) {
  cfg.add_message_types<caf::id_block::reeve>();
}

} // namespace reeve::supervisor
