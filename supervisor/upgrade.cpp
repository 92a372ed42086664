// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/upgrade.hpp"

#include "config/text.hpp"
#include "supervisor/version.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace reeve::supervisor {

using kernel::unique_fd;

namespace {

static_assert(upgrade_signal == SIGUSR2);

constexpr auto socket_variable = "REEVE_LISTEN_FD";
constexpr auto longest_check = std::chrono::seconds{10};
constexpr auto most_words = std::size_t{1000};

// A package manager puts the new file in the place of ours, which has no name
// then.
kernel::result<std::string> own_program() {
  std::array<char, 4096> path{};
  auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0)
    return kernel::last_error("read", "/proc/self/exe");
  auto out = std::string{path.data(), static_cast<std::size_t>(size)};
  constexpr auto mark = std::string_view{" (deleted)"};
  if (out.ends_with(mark))
    out.resize(out.size() - mark.size());
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (auto& word : words)
    out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

struct checking {
  pid_t pid = -1;
  unique_fd pidfd;
  unique_fd words; ///< what it says
};

kernel::result<checking> begin_check(const std::string& program,
                                     std::vector<std::string> words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return kernel::last_error("make a pipe");
  checking out;
  out.words = unique_fd::adopt(ends[0]);
  auto theirs = unique_fd::adopt(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  for (auto fd : {1, 2})
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), fd);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  auto argv = pointers(words);
  auto code = ::posix_spawn(&out.pid, program.c_str(), &actions, &attributes,
                            argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    return kernel::make_error(code, "execute", program);
  out.pidfd =
      unique_fd::adopt(static_cast<int>(::syscall(SYS_pidfd_open, out.pid, 0)));
  return out;
}

// Ends it if it takes too long. Its status, or -1.
int end_check(const checking& one) {
  auto limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(longest_check);
  pollfd ended{one.pidfd.get(), POLLIN, 0};
  auto in_time = ::poll(&ended, 1, static_cast<int>(limit.count())) == 1;
  if (!in_time)
    ::kill(one.pid, SIGKILL);
  auto status = 0;
  while (::waitpid(one.pid, &status, 0) < 0 && errno == EINTR)
    ;
  return in_time ? status : -1;
}

// What is in the pipe; who keeps the other end open must not keep us.
std::string said(const checking& one) {
  std::array<char, most_words> text{};
  ::fcntl(one.words.get(), F_SETFL, O_NONBLOCK);
  auto size = ::read(one.words.get(), text.data(), text.size());
  auto out =
      std::string{text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  return config::showable(out.substr(0, out.find('\n')));
}

} // namespace

kernel::result<std::string>
upgrade_desk::check(const std::string& program) const {
  auto path =
      program.empty() ? own_program() : kernel::result<std::string>{program};
  if (!path)
    return path;
  if (path->front() != '/')
    return kernel::make_error(EINVAL, "upgrade to", *path,
                              "the path of a program is absolute");
  auto words = std::vector<std::string>{*path};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  words.emplace_back("--check");
  auto one = begin_check(*path, std::move(words));
  if (!one)
    return tl::make_unexpected(std::move(one.error()));
  auto status = end_check(*one);
  auto words_of_it = said(*one);
  auto refuse = [&](int code, const std::string& why) {
    return kernel::make_error(code, "upgrade to", *path, why);
  };
  if (status < 0)
    return refuse(ETIMEDOUT, "it did not check the configuration in time");
  if (status != 0)
    return refuse(EINVAL,
                  "it does not accept the configuration: " + words_of_it);
  if (!words_of_it.starts_with(daemon_name + std::string{" "}))
    return refuse(EINVAL, "it is no reeved");
  return path;
}

void upgrade_desk::ask_for(std::string program) {
  {
    auto lock = std::lock_guard{mutex_};
    program_ = std::move(program);
  }
  ::kill(::getpid(), upgrade_signal);
}

std::optional<std::string> upgrade_desk::take() {
  auto lock = std::lock_guard{mutex_};
  return std::exchange(program_, std::nullopt);
}

kernel::sys_error upgrade_desk::become(const std::string& program,
                                       unique_fd& socket) const {
  auto failed = [&] { return kernel::sys_error{errno, "become", program, {}}; };
  ::setenv(socket_variable, std::to_string(socket.get()).c_str(), 1);
  if (::fcntl(socket.get(), F_SETFD, 0) != 0)
    return failed();
  auto words = std::vector<std::string>{program};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  ::execv(program.c_str(), pointers(words).data());
  auto out = failed();
  ::unsetenv(socket_variable);
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  return out;
}

unique_fd inherited_socket() {
  const char* text = std::getenv(socket_variable);
  auto fd = -1;
  if (text != nullptr)
    std::from_chars(text, text + std::strlen(text), fd);
  ::unsetenv(socket_variable);
  // Standard streams are nobody's socket.
  if (fd < 3 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return {};
  return unique_fd::adopt(fd);
}

} // namespace reeve::supervisor
