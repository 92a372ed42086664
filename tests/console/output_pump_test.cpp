// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/output_pump.hpp"

#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

using reeve::console::output_pump;
using reeve::kernel::unique_fd;

namespace {

struct pipe_pair {
  unique_fd read;
  unique_fd write;

  pipe_pair() {
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    read = unique_fd::adopt(fds[0]);
    write = unique_fd::adopt(fds[1]);
  }

  [[nodiscard]] bool writable() const {
    auto ask = pollfd{write.get(), POLLOUT, 0};
    return ::poll(&ask, 1, 0) == 1;
  }
};

} // namespace

TEST_CASE("a full pipe holds the pump back without blocking it",
          "[console][unit]") {
  auto pipe = pipe_pair{};
  auto pump = output_pump{pipe.write.get()};
  auto sent = std::string{};
  for (auto i = 0; i < 1'000'000; ++i)
    sent += static_cast<char>('a' + i % 26);
  pump.put(sent);
  auto got = std::string{};
  auto buffer = std::string(8192, '\0');
  while (pump.now() == output_pump::state::waiting) {
    while (pipe.writable() && pump.now() == output_pump::state::waiting)
      pump.write();
    auto n = ::read(pipe.read.get(), buffer.data(), buffer.size());
    REQUIRE(n > 0);
    got.append(buffer, 0, static_cast<std::size_t>(n));
  }
  pipe.write.reset();
  for (ssize_t n = 0;
       (n = ::read(pipe.read.get(), buffer.data(), buffer.size())) > 0;)
    got.append(buffer, 0, static_cast<std::size_t>(n));
  CHECK(pump.now() == output_pump::state::idle);
  CHECK(got == sent);
}

TEST_CASE("a pump whose reader has gone is closed, and drops what comes",
          "[console][unit]") {
  auto before = std::signal(SIGPIPE, SIG_IGN);
  auto pipe = pipe_pair{};
  pipe.read.reset();
  auto pump = output_pump{pipe.write.get()};
  pump.put("x");
  pump.write();
  CHECK(pump.now() == output_pump::state::closed);
  pump.put("y");
  CHECK(pump.now() == output_pump::state::closed);
  std::signal(SIGPIPE, before);
}

TEST_CASE("a full disk is a failure with its reason", "[console][unit]") {
  auto full = unique_fd::adopt(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  auto pump = output_pump{full.get()};
  pump.put("x");
  pump.write();
  CHECK(pump.now() == output_pump::state::failed);
  CHECK(pump.error() == ENOSPC);
}
