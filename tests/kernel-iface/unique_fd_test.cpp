// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/unique_fd.hpp"

#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

using reeve::kernel::unique_fd;

namespace {

int open_null() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

TEST_CASE("unique_fd: closes what it owns", "[kernel-iface][unique_fd]") {
  auto raw = open_null();
  { auto fd = unique_fd::adopt(raw); }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("unique_fd: does not close what was released",
          "[kernel-iface][unique_fd]") {
  auto raw = -1;
  {
    auto fd = unique_fd::adopt(open_null());
    raw = fd.release();
    CHECK_FALSE(fd);
  }
  CHECK(is_open(raw));
  ::close(raw);
}

TEST_CASE("unique_fd: assignment closes what it held",
          "[kernel-iface][unique_fd]") {
  auto first = open_null();
  auto second = open_null();
  auto fd = unique_fd::adopt(first);
  fd = unique_fd::adopt(second);
  CHECK_FALSE(is_open(first));
  CHECK(fd.get() == second);
}

TEST_CASE("unique_fd: a move empties the source", "[kernel-iface][unique_fd]") {
  auto a = unique_fd::adopt(open_null());
  auto raw = a.get();
  auto b = std::move(a);
  CHECK(a.get() == -1); // NOLINT(bugprone-use-after-move): the point
  CHECK(b.get() == raw);
}

TEST_CASE("unique_fd: closing keeps errno", "[kernel-iface][unique_fd]") {
  {
    auto bad = unique_fd::adopt(987654);
    errno = ENOTDIR;
  }
  CHECK(errno == ENOTDIR);
}
