// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/floor.hpp"
#include "benchmarks/stopwatch.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <semaphore>
#include <thread>

namespace reeve::bench {

using kernel::last_error;
using kernel::result;
using kernel::unique_fd;

namespace {

using payload = std::array<char, 64>;

/// Child: sends back what it receives, until the peer closes its end.
[[noreturn]] void echo(int socket) {
  auto data = payload{};
  for (;;) {
    const auto got = ::recv(socket, data.data(), data.size(), 0);
    if (got <= 0
        || ::send(socket, data.data(), static_cast<std::size_t>(got),
                  MSG_NOSIGNAL)
               != got)
      ::_exit(0);
  }
}

result<void> round_trip(int socket) {
  auto data = payload{};
  if (::send(socket, data.data(), data.size(), MSG_NOSIGNAL) < 0
      || ::recv(socket, data.data(), data.size(), 0) <= 0)
    return last_error("exchange a message with", "the echo process");
  return {};
}

} // namespace

result<duration> message_in_process_floor(workshop&) {
  std::binary_semaphore question{0};
  std::binary_semaphore answer{0};
  constexpr int trips = untimed_trips + 1;
  auto echoing = std::thread{[&] {
    for (int i = 0; i < trips; ++i) {
      question.acquire();
      answer.release();
    }
  }};
  auto took = duration{};
  for (int i = 0; i < trips; ++i) {
    const auto watch = stopwatch{};
    question.release();
    answer.acquire();
    took = watch.elapsed();
  }
  echoing.join();
  return took;
}

result<duration> message_between_processes_floor(workshop&) {
  auto ends = std::array<int, 2>{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return last_error("make", "a socket pair");
  auto ours = unique_fd::adopt(ends[0]);
  auto theirs = unique_fd::adopt(ends[1]);
  auto pidfd = unique_fd{};
  auto pid = clone_process(0, pidfd);
  if (!pid)
    return tl::make_unexpected(std::move(pid.error()));
  if (*pid == 0) {
    ours.reset(); // or the end of the peer would never be seen
    echo(theirs.get());
  }
  theirs.reset();
  auto done = result<void>{};
  for (int i = 0; i < untimed_trips && done; ++i)
    done = round_trip(ours.get());
  auto took = duration{};
  if (done) {
    const auto watch = stopwatch{};
    done = round_trip(ours.get());
    took = watch.elapsed();
  }
  ours.reset();
  if (auto ok = reap(pidfd.get()); !ok && done)
    done = std::move(ok);
  if (!done)
    return tl::make_unexpected(std::move(done.error()));
  return took;
}

} // namespace reeve::bench
