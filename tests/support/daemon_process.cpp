// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/daemon_process.hpp"

#include "actors/unix_transport.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "supervisor/runtime.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"

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
#include <utility>

namespace reeve::tests {

using namespace supervisor;
using kernel::unique_fd;

namespace {

pid_t spawn_daemon(const std::string& config_file, int standard_error,
                   std::vector<std::string> environment = {}) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (standard_error >= 0)
    ::posix_spawn_file_actions_adddup2(&actions, standard_error, STDERR_FILENO);
  std::string program = REEVE_TEST_DAEMON;
  std::string option = "--config";
  std::string file = config_file;
  std::array<char*, 4> argv{program.data(), option.data(), file.data(),
                            nullptr};
  std::vector<char*> variables;
  for (auto& item : environment)
    variables.push_back(item.data());
  for (auto** at = environ; *at != nullptr; ++at)
    variables.push_back(*at);
  variables.push_back(nullptr);
  pid_t pid = -1;
  auto code = ::posix_spawn(&pid, program.c_str(), &actions, nullptr,
                            argv.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    throw std::runtime_error("cannot start " + program);
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
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

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
                              << "pool_size = 1\n"
                              << options_.keys << "\n[log]\n"
                              << options_.log << "\n";
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
  pid_ =
      spawn_daemon(config_file_, options_.standard_error, options_.environment);
  client_ = std::make_unique<client_system>();
  eventually("reeved listens", [this] {
    auto found = actors::connect<api_actor>(client_->get(),
                                            root_ + "/run/reeved.sock", limit);
    if (found)
      api_ = *found;
    return static_cast<bool>(found);
  });
  note_groups_of(pid_);
  talk_to(client_->get(), caf::actor_cast<local_api_actor>(api_));
}

daemon_process::refused_start daemon_process::try_another() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("pipe2");
  auto in = unique_fd::adopt(ends[0]);
  auto out = unique_fd::adopt(ends[1]);
  auto pid = spawn_daemon(config_file_, out.get());
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
