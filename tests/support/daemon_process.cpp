// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/daemon_process.hpp"

#include "actors/unix_transport.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/runtime.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/system_config.hpp"

#include <caf/actor_cast.hpp>
#include <caf/io/middleman.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace reeve::tests {

using namespace supervisor;
using kernel::unique_fd;

namespace {

// Mounts the image in $1 on the directory $2 and becomes the rest.
constexpr const char* with_disk =
    "mount -n -t ext4 -o loop \"$1\" \"$2\" && shift 2 && exec \"$@\"";

pid_t spawn(std::vector<std::string> command, daemon_options how) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (auto [from, to] : {std::pair{how.standard_error, STDERR_FILENO},
                          std::pair{how.standard_output, STDOUT_FILENO}})
    if (from >= 0)
      ::posix_spawn_file_actions_adddup2(&actions, from, to);
  std::vector<char*> argv;
  for (auto& word : command)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> variables;
  for (auto& item : how.environment)
    variables.push_back(item.data());
  for (auto** at = environ; *at != nullptr; ++at)
    variables.push_back(*at);
  variables.push_back(nullptr);
  pid_t pid = -1;
  auto code = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(),
                             variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    throw std::runtime_error("cannot start " + command[0]);
  return pid;
}

int reap(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid)
    throw std::runtime_error("waitpid");
  return status;
}

} // namespace

// One for each connection: CAF notices the loss of one only after a while, and
// until then hands out the dying handle again.
class daemon_process::client_system {
public:
  client_system() {
    add_message_types(config_);
    config_.load<caf::io::middleman>();
    config_.set("scheduler.max-threads", 2);
    config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(config_);
  }

  caf::actor_system& get() {
    return *system_;
  }

private:
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

bool has_loop_devices() {
  if (std::system("exec losetup -f >/dev/null 2>&1") == 0
      && std::system("exec mkfs.ext4 -V >/dev/null 2>&1") == 0)
    return true;
  skip("no loop device, or no mkfs.ext4");
  return false;
}

daemon_process::daemon_process(daemon_options options)
    : options_(std::move(options)) {
  std::string path = "/tmp/reeve-test-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    throw std::runtime_error("mkdtemp");
  root_ = path;
  // Containers walk through it with ids of their own.
  std::filesystem::permissions(root_, std::filesystem::perms{0711});
  config_file_ = root_ + "/reeved.toml";
  std::ofstream{config_file_} << "state_dir = \"" << root_ << "/state\"\n"
                              << "run_dir = \"" << root_ << "/run\"\n"
                              << "holder_path = \"" REEVE_TEST_HOLDER "\"\n"
                              << "pool_size = " << options_.pool_size << "\n"
                              << options_.keys << "\n[log]\n"
                              << options_.log << "\n";
  if (options_.disk_mib != 0) {
    std::filesystem::create_directories(root_ + "/" + options_.disk_at);
    // No block for root alone, what is deleted is free at once, and the kernel
    // finds nothing to finish.
    auto make = "exec mkfs.ext4 -q -F -m 0 -b 4096 -O ^has_journal "
                "-E lazy_itable_init=0 "
                + root_ + "/disk.img " + std::to_string(options_.disk_mib)
                + "M";
    if (std::system(make.c_str()) != 0)
      throw std::runtime_error(make);
  }
  start();
}

daemon_process::~daemon_process() {
  destroy_all();
  disconnect();
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    CHECK(reap(pid_) == 0);
  }
  std::error_code err;
  std::filesystem::remove_all(root_, err);
  CHECK(err.message() == std::error_code{}.message());
}

std::vector<std::string> daemon_process::command() const {
  std::vector<std::string> out;
  if (options_.disk_mib != 0)
    out = {"unshare",
           "-m",
           "--",
           "sh",
           "-c",
           with_disk,
           "sh",
           root_ + "/disk.img",
           root_ + "/" + options_.disk_at};
  out.insert(out.end(), {REEVE_TEST_DAEMON, "--config", config_file_});
  return out;
}

std::string daemon_process::disk() const {
  return "/proc/" + std::to_string(pid_) + "/root" + root_ + "/"
         + options_.disk_at;
}

void daemon_process::kill() {
  ::kill(pid_, SIGKILL);
  (void)reap(std::exchange(pid_, -1));
  disconnect();
}

int daemon_process::stop(int signo) {
  ::kill(pid_, signo);
  auto status = reap(std::exchange(pid_, -1));
  disconnect();
  return status;
}

void daemon_process::start() {
  pid_ = spawn(command(), options_);
  connect();
}

bool daemon_process::try_start() {
  pid_ = spawn(command(), options_);
  auto has_ended = false;
  connect_unless(
      [&] { return has_ended = ::waitpid(pid_, nullptr, WNOHANG) == pid_; });
  if (has_ended) {
    pid_ = -1;
    disconnect();
  }
  return !has_ended;
}

void daemon_process::connect() {
  connect_unless([] { return false; });
}

void daemon_process::connect_unless(const std::function<bool()>& is_futile) {
  disconnect();
  client_ = std::make_unique<client_system>();
  auto is_there = false;
  eventually("reeved listens", [&] {
    auto found = actors::connect<api_actor>(client_->get(),
                                            root_ + "/run/reeved.sock", limit);
    is_there = static_cast<bool>(found);
    if (found)
      api_ = *found;
    return is_there || is_futile();
  });
  if (!is_there)
    return;
  note_groups_of(pid_);
  talk_to(client_->get(), caf::actor_cast<local_api_actor>(api_));
}

void daemon_process::start_for(std::chrono::microseconds time) {
  auto pid = spawn(command(), options_);
  std::this_thread::sleep_for(time);
  note_groups_of(pid);
  ::kill(pid, SIGKILL);
  (void)reap(pid);
}

daemon_process::refused_start daemon_process::try_another() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("pipe2");
  auto in = unique_fd::adopt(ends[0]);
  auto out = unique_fd::adopt(ends[1]);
  auto streams = daemon_options{};
  streams.standard_error = out.get();
  auto pid = spawn(command(), std::move(streams));
  out.reset();
  refused_start result;
  std::array<char, 512> buffer{};
  for (;;) {
    auto n = ::read(in.get(), buffer.data(), buffer.size());
    if (n <= 0)
      break;
    result.text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  auto status = reap(pid);
  if (WIFEXITED(status))
    result.status = WEXITSTATUS(status);
  return result;
}

void daemon_process::disconnect() {
  hang_up();
  api_ = nullptr;
  client_.reset();
}

} // namespace reeve::tests
