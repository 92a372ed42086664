// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/floor_client.hpp"

#include "benchmarks/floor_protocol.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fs = std::filesystem;

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

result<std::string> find_program() {
  auto ignored = std::error_code{};
  const auto self = fs::read_symlink("/proc/self/exe", ignored);
  auto program = self.parent_path() / "reeve-bench-floor";
  if (::access(program.c_str(), X_OK) != 0)
    return last_error("find", program.string());
  return program.string();
}

/// Standard input is the socket, everything else is this process's.
result<pid_t> spawn(const std::string& program, const std::string& directory,
                    int socket) {
  auto argv =
      std::array<char*, 3>{const_cast<char*>("reeve-bench-floor"),
                           const_cast<char*>(directory.c_str()), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                 argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    return make_error(code, "start", program);
  return pid;
}

} // namespace

result<floor_client> floor_client::start() {
  auto program = find_program();
  if (!program)
    return tl::make_unexpected(std::move(program.error()));
  auto directory = scratch_directory::make();
  if (!directory)
    return tl::make_unexpected(std::move(directory.error()));
  if (auto ok = make_busybox_root(directory->path() / "lower"); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  auto ends = std::array<int, 2>{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return last_error("make", "a socket pair");
  auto ours = unique_fd::adopt(ends[0]);
  auto theirs = unique_fd::adopt(ends[1]);
  auto pid = spawn(*program, directory->path().string(), theirs.get());
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  return floor_client{std::move(*directory), std::move(ours), *pid};
}

floor_client::floor_client(floor_client&& other) noexcept
    : directory_(std::move(other.directory_)),
      socket_(std::move(other.socket_)),
      pid_(std::exchange(other.pid_, -1)) {}

floor_client::~floor_client() {
  socket_.reset();
  if (pid_ > 0)
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      // a signal of ours; the floor still cleans up
    }
}

result<duration> floor_client::measure(floor_kind kind,
                                       std::uint32_t processes) {
  const auto order = floor_order{kind, processes};
  if (::send(socket_.get(), &order, sizeof order, MSG_NOSIGNAL) < 0)
    return last_error("send to", "reeve-bench-floor");
  auto answer = floor_answer{};
  ssize_t got = 0;
  do
    got = ::recv(socket_.get(), &answer, sizeof answer, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return last_error("receive from", "reeve-bench-floor");
  if (got != sizeof answer)
    return make_error(EPIPE, "receive from", "reeve-bench-floor",
                      "it ended; see its message above or the kernel's log");
  answer.error.back() = '\0';
  if (answer.error.front() != '\0')
    return make_error(answer.code, answer.error.data());
  return duration{answer.nanoseconds};
}

} // namespace reeve::bench
