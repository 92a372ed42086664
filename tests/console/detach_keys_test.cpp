// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/detach_keys.hpp"

#include "tests/support/catch.hpp"

using reeve::console::detach_keys;

TEST_CASE("ctrl-p ctrl-q detaches, also in two pieces", "[console][unit]") {
  auto keys = detach_keys{};
  CHECK(keys.feed("ab\x10\x11zz").detach);
  auto again = detach_keys{};
  auto first = again.feed("ab\x10");
  CHECK_FALSE(first.detach);
  CHECK(first.bytes == "ab");
  auto second = again.feed("\x11");
  CHECK(second.detach);
  CHECK(second.bytes.empty());
}

TEST_CASE("a ctrl-p that detaches nothing reaches the program in its place",
          "[console][unit]") {
  auto keys = detach_keys{};
  CHECK(keys.feed("\x10").bytes.empty());
  CHECK(keys.feed("x").bytes == "\x10x");
  CHECK(keys.feed("\x10\x10").bytes == "\x10");
  CHECK(keys.feed("\x11").detach);
}

TEST_CASE("a ctrl-q alone is a key like others", "[console][unit]") {
  auto keys = detach_keys{};
  auto out = keys.feed("\x11q\n");
  CHECK_FALSE(out.detach);
  CHECK(out.bytes == "\x11q\n");
}
