// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/reeve_host.hpp"

#include "actors/handoff_scheduler.hpp"
#include "actors/unix_transport.hpp"
#include "benchmarks/stopwatch.hpp"
#include "config/daemon_config.hpp"

#include <caf/io/middleman.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace reeve::bench {

using namespace std::chrono_literals;
using namespace supervisor;
using kernel::result;

namespace {

constexpr auto start_limit = 20s;

/// As `reeved` does.
void set_up(caf::actor_system_config& config) {
  add_message_types(config);
  actors::use_handoff_scheduler(config);
  config.set("logger.console", caf::atom("none"));
}

/// In the build tree all programs lie together; installed, the daemon has its
/// place in sbin.
std::string beside_this_program(const char* name) {
  std::error_code ignored;
  auto here =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  auto system = here.parent_path() / "sbin" / name;
  if (!std::filesystem::exists(here / name, ignored)
      && std::filesystem::exists(system, ignored))
    return system.string();
  return (here / name).string();
}

result<scratch_directory> make_root() {
  auto out = scratch_directory::make();
  // Containers walk through it with ids of their own.
  if (out)
    std::filesystem::permissions(out->path(), std::filesystem::perms{0711});
  return out;
}

template <class Reeve>
void destroy_all(Reeve& from) {
  auto all = from.template ask<container_list>(list_containers{});
  if (!all)
    return;
  for (const auto& item : all->containers)
    (void)from
        .template ask<container_is>(destroy_container{item.container, true, 0})
        .has_value(); // the directory and the daemon's log tell what is left
}

/// Standard streams are null, so that the terminal stays the table's.
result<pid_t> spawn(const std::string& program,
                    const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& item : arguments)
    argv.push_back(const_cast<char*>(item.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (auto fd : {STDIN_FILENO, STDOUT_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  auto code = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                            argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    return kernel::make_error(code, "start", program);
  return pid;
}

result<int> wait_for(pid_t pid) {
  auto status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return kernel::last_error("wait for process", std::to_string(pid));
  return status;
}

} // namespace

config::container_spec spec_of(std::string name) {
  config::container_spec out;
  out.name = std::move(name);
  out.image = "busybox";
  return out;
}

config::process_spec process_of(std::string id, std::vector<std::string> argv) {
  config::process_spec out;
  out.id = std::move(id);
  out.argv = std::move(argv);
  out.stdio = config::stdio_mode::null;
  return out;
}

// -- in this process ----------------------------------------------------------

reeve_host::reeve_host(scratch_directory directory)
    : directory_(std::move(directory)) {}

result<std::unique_ptr<reeve_host>> reeve_host::start(unsigned pool_size) {
  auto directory = make_root();
  if (!directory)
    return tl::make_unexpected(std::move(directory.error()));
  auto out = std::unique_ptr<reeve_host>(new reeve_host(std::move(*directory)));
  set_up(out->config_);
  out->system_ = std::make_unique<caf::actor_system>(out->config_);
  auto config = config::with_root({}, out->directory_.path().string());
  config.pool_size = pool_size;
  config.log.level = config::log_level::warning;
  auto started = runtime::start(*out->system_, config);
  if (!started)
    return tl::make_unexpected(std::move(started.error()));
  out->runtime_ = std::move(*started);
  out->self_ = std::make_unique<caf::scoped_actor>(*out->system_);
  if (auto ok = out->await_pool(); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return out;
}

reeve_host::~reeve_host() {
  if (runtime_ && self_)
    destroy_all(*this);
  self_.reset();
  runtime_.reset();
}

result<void> reeve_host::create(const std::string& container) {
  return ask<container_created>(create_container{0, spec_of(container), false})
      .map([](const container_created&) {});
}

result<void> reeve_host::destroy(const std::string& container) {
  return ask<container_is>(destroy_container{container, true, 0})
      .map([](const container_is&) {});
}

result<void> reeve_host::await_pool() {
  const auto watch = stopwatch{};
  for (;;) {
    auto now = ask<daemon_info>(get_daemon{});
    if (!now)
      return tl::make_unexpected(std::move(now.error()));
    if (now->pool_ready >= now->pool_size)
      return {};
    if (watch.elapsed() > start_limit)
      return kernel::make_error(ETIMEDOUT, "fill the pool of holders");
    std::this_thread::sleep_for(1ms);
  }
}

// -- in a process of its own --------------------------------------------------

reeve_daemon::reeve_daemon(scratch_directory directory)
    : directory_(std::move(directory)) {}

result<std::unique_ptr<reeve_daemon>> reeve_daemon::start(unsigned pool_size) {
  auto directory = make_root();
  if (!directory)
    return tl::make_unexpected(std::move(directory.error()));
  auto out =
      std::unique_ptr<reeve_daemon>(new reeve_daemon(std::move(*directory)));
  auto ok = out->launch(pool_size).and_then([&] { return out->connect(); });
  if (!ok)
    return tl::make_unexpected(std::move(ok.error()));
  return out;
}

result<void> reeve_daemon::launch(unsigned pool_size) {
  auto root = directory_.path().string();
  socket_ = config::socket_of(config::with_root({}, root));
  auto file = (directory_.path() / "reeved.toml").string();
  std::ofstream{file} << "pool_size = " << pool_size
                      << "\n[log]\nlevel = \"warning\"\n";
  auto pid =
      spawn(beside_this_program("reeved"), {"--root", root, "--config", file});
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  pid_ = *pid;
  return {};
}

result<void> reeve_daemon::connect() {
  set_up(config_);
  config_.load<caf::io::middleman>();
  system_ = std::make_unique<caf::actor_system>(config_);
  const auto watch = stopwatch{};
  for (;;) {
    auto api = actors::connect<api_actor>(*system_, socket_, start_limit);
    if (api) {
      api_ = std::move(*api);
      self_ = std::make_unique<caf::scoped_actor>(*system_);
      return {};
    }
    auto not_yet =
        api.error().code == ENOENT || api.error().code == ECONNREFUSED;
    if (!not_yet || watch.elapsed() > start_limit)
      return tl::make_unexpected(std::move(api.error()));
    std::this_thread::sleep_for(5ms);
  }
}

reeve_daemon::~reeve_daemon() {
  if (self_)
    destroy_all(*this);
  self_.reset();
  api_ = nullptr;
  if (pid_ <= 0)
    return;
  (void)::kill(pid_, SIGTERM);
  (void)wait_for(pid_).has_value();
}

result<void> reeve_daemon::create(const std::string& container) {
  return ask<container_created>(create_container{0, spec_of(container), false})
      .map([](const container_created&) {});
}

result<std::chrono::nanoseconds>
reeve_daemon::console(std::vector<std::string> arguments) const {
  auto program = beside_this_program("reeve");
  auto what = arguments.front();
  arguments.insert(arguments.begin(), {"--root", directory_.path().string()});
  const auto watch = stopwatch{};
  auto pid = spawn(program, arguments);
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  auto status = wait_for(*pid);
  const auto took = watch.elapsed();
  if (!status)
    return tl::make_unexpected(std::move(status.error()));
  if (*status != 0)
    return kernel::make_error(0, "run", "reeve " + what,
                              "wait status " + std::to_string(*status));
  return took;
}

} // namespace reeve::bench
