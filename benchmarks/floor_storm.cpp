// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The floor of a restart storm: one parent for each processor, since a single
// one would leave the others idle, and Reeve does not.

#include "benchmarks/floor.hpp"
#include "benchmarks/stopwatch.hpp"
#include "benchmarks/straight_process.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

/// What a parent says when its children run, and again when the next ones do:
/// an errno value, 0 if they do.
using word = std::int32_t;

/// In a process of its own, until its socket is closed. Its children are gone
/// when it ends.
class storm_parent {
public:
  storm_parent(int socket, std::uint32_t processes)
      : socket_(socket),
        wanted_(processes) {
    children_.reserve(wanted_);
  }

  [[noreturn]] void run() {
    say(start_all());
    if (hears_go())
      say(replace_all());
    char more = 0;
    (void)::recv(socket_, &more, 1, 0); // ends when the socket is closed
    for (auto pid : children_)
      (void)kill_and_collect(pid).has_value();
    ::_exit(0);
  }

private:
  result<void> start_one() {
    return spawn_busybox("sleep", "1000").map([this](pid_t pid) {
      children_.push_back(pid);
    });
  }

  result<void> start_all() {
    while (children_.size() < wanted_)
      if (auto ok = start_one(); !ok)
        return ok;
    return {};
  }

  /// As they end, not in any order: that is how they are noticed.
  result<void> replace_all() {
    for (auto pid : children_)
      if (::kill(pid, SIGKILL) != 0)
        return last_error("kill", "busybox");
    auto left = children_.size();
    children_.clear();
    while (left > 0) {
      if (::waitpid(-1, nullptr, 0) < 0) {
        if (errno == EINTR)
          continue;
        return last_error("wait for", "busybox");
      }
      --left;
      if (auto ok = start_one(); !ok)
        return ok;
    }
    return {};
  }

  void say(const result<void>& how) const {
    const word out = how ? 0 : std::max(how.error().code, 1);
    (void)::send(socket_, &out, sizeof out, MSG_NOSIGNAL);
  }

  [[nodiscard]] bool hears_go() const {
    char go = 0;
    return ::recv(socket_, &go, 1, 0) == 1;
  }

  int socket_;
  std::size_t wanted_;
  std::vector<pid_t> children_;
};

/// The other side: owns the process.
class storm_worker {
public:
  static result<storm_worker> start(std::uint32_t processes,
                                    const std::vector<storm_worker>& others) {
    auto ends = std::array<int, 2>{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data())
        != 0)
      return last_error("make", "a socket pair");
    auto ours = unique_fd::adopt(ends[0]);
    auto theirs = unique_fd::adopt(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0)
      return last_error("fork", "a parent of a storm");
    if (pid == 0) {
      // Else the others would not see us close their sockets.
      for (const auto& other : others)
        ::close(other.socket_.get());
      ours.reset();
      storm_parent{theirs.get(), processes}.run();
    }
    return storm_worker{std::move(ours), pid};
  }

  storm_worker(storm_worker&& other) noexcept
      : socket_(std::move(other.socket_)),
        pid_(std::exchange(other.pid_, -1)) {}
  storm_worker& operator=(storm_worker&&) = delete;
  storm_worker(const storm_worker&) = delete;
  storm_worker& operator=(const storm_worker&) = delete;

  ~storm_worker() {
    socket_.reset();
    if (pid_ > 0)
      (void)collect(pid_).has_value();
  }

  [[nodiscard]] result<void> go() const {
    if (::send(socket_.get(), "g", 1, MSG_NOSIGNAL) != 1)
      return last_error("send to", "a parent of a storm");
    return {};
  }

  [[nodiscard]] result<void> await_word() const {
    word heard = 0;
    ssize_t got = 0;
    do
      got = ::recv(socket_.get(), &heard, sizeof heard, 0);
    while (got < 0 && errno == EINTR);
    if (got != sizeof heard)
      return make_error(EPIPE, "receive from", "a parent of a storm");
    if (heard != 0)
      return make_error(heard, "replace", "the processes of a storm");
    return {};
  }

private:
  storm_worker(unique_fd socket, pid_t pid)
      : socket_(std::move(socket)),
        pid_(pid) {}

  unique_fd socket_;
  pid_t pid_;
};

std::uint32_t usable_processors() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0)
    return 1;
  return static_cast<std::uint32_t>(std::max(CPU_COUNT(&usable), 1));
}

result<void> await_all(const std::vector<storm_worker>& workers) {
  for (const auto& worker : workers)
    if (auto ok = worker.await_word(); !ok)
      return ok;
  return {};
}

result<duration> unleash(const std::vector<storm_worker>& workers) {
  if (auto ok = await_all(workers); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  const auto watch = stopwatch{};
  for (const auto& worker : workers)
    if (auto ok = worker.go(); !ok)
      return tl::make_unexpected(std::move(ok.error()));
  auto done = await_all(workers);
  const auto took = watch.elapsed();
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  return took;
}

} // namespace

result<duration> restart_storm_floor(std::uint32_t processes, workshop&) {
  if (processes == 0)
    return make_error(EINVAL, "measure", "a storm of no processes");
  const auto parents = std::min(usable_processors(), processes);
  auto workers = std::vector<storm_worker>{};
  workers.reserve(parents);
  for (std::uint32_t i = 0; i < parents; ++i) {
    auto share = processes / parents + (i < processes % parents ? 1 : 0);
    auto worker = storm_worker::start(share, workers);
    if (!worker)
      return tl::make_unexpected(std::move(worker.error()));
    workers.push_back(std::move(*worker));
  }
  return unleash(workers);
}

} // namespace reeve::bench
