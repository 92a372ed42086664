// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/result.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reeve::kernel;

TEST_CASE("sys_error: names operation, subject, text and symbol",
          "[kernel-iface][result]") {
  auto err = sys_error{EACCES, "write \"max\" to", "/x/pids.max", {}};
  CHECK(to_string(err)
        == "write \"max\" to /x/pids.max: Permission denied (EACCES)");
}

TEST_CASE("sys_error: context goes in front and the hint at the end",
          "[kernel-iface][result]") {
  auto err = sys_error{ENOENT, "open", "/y", "mount it first"};
  CHECK(to_string(std::move(err).with_context("starting container 'a'"))
        == "starting container 'a': open /y: No such file or directory "
           "(ENOENT); mount it first");
}

TEST_CASE("last_error: takes errno", "[kernel-iface][result]") {
  errno = EBUSY;
  result<int> r = last_error("rmdir", "/z");
  REQUIRE(!r);
  CHECK(r.error().code == EBUSY);
}
