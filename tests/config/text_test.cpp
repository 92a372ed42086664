// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/text.hpp"

#include "config/key_path.hpp"
#include "tests/support/catch.hpp"

#include <array>

using namespace reeve::config;

TEST_CASE("config_error: prints file, position, key, finding and expectation",
          "[config][unit]") {
  auto err = config_error{"web.toml",
                          3,
                          9,
                          "container.limits.memory",
                          "\"12Q\" is not a size",
                          "bytes or a number with K, M, G or T"};
  CHECK(to_string(err)
        == "web.toml:3:9: container.limits.memory: \"12Q\" is not a size; "
           "expected bytes or a number with K, M, G or T");
}

TEST_CASE("config_error: leaves out what it does not know", "[config][unit]") {
  CHECK(to_string(config_error{{}, 0, 0, {}, "bad", {}}) == "bad");
  CHECK(to_string(config_error{{}, 0, 0, "pids.limit", "bad", "good"})
        == "pids.limit: bad; expected good");
  CHECK(to_string(config_error{{}, 2, 1, {}, "bad", {}}) == "2:1: bad");
  CHECK(to_string(config_error{"a", 0, 0, {}, "bad", {}}) == "a: bad");
}

TEST_CASE("in_quotes: nothing but printable ASCII reaches a terminal",
          "[config][unit]") {
  CHECK(in_quotes("a\x1b[2J\n\"\\\xc3\xa9") == R"("a\x1b[2J\x0a\"\\\xc3\xa9")");
}

TEST_CASE("showable: only what is short and plain goes without quotes",
          "[config][unit]") {
  CHECK(showable("execve /bin/sh") == "execve /bin/sh");
  CHECK(showable("") == "");
  CHECK(showable(std::string(256, 'x')) == std::string(256, 'x'));
  CHECK(showable(std::string(257, 'x')) == in_quotes(std::string(257, 'x')));
  CHECK(showable("a\x1b[2J") == R"("a\x1b[2J")");
}

TEST_CASE("in_quotes: long values are cut at 64 characters", "[config][unit]") {
  CHECK(in_quotes(std::string(64, 'x')) == '"' + std::string(64, 'x') + '"');
  CHECK(in_quotes(std::string(65, 'x'))
        == '"' + std::string(64, 'x') + "...\"");
}

TEST_CASE("nearest: finds the word behind a slip and nothing behind noise",
          "[config][unit]") {
  constexpr auto words =
      std::array<std::string_view, 3>{"memory", "cpus", "pids"};
  CHECK(nearest("memroy", words) == "memory");
  CHECK(nearest("cpu", words) == "cpus");
  CHECK(nearest("bandwidth", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(100'000, 'm'), words).empty());
}

TEST_CASE("find_invalid_utf8: accepts exactly what RFC 3629 accepts",
          "[config][unit]") {
  constexpr auto npos = std::string_view::npos;
  CHECK(find_invalid_utf8("") == npos);
  CHECK(find_invalid_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") == npos);
  CHECK(find_invalid_utf8("\xf4\x8f\xbf\xbf") == npos);
  CHECK(find_invalid_utf8("ab\xff") == 2);
  CHECK(find_invalid_utf8("\x80") == 0);
  CHECK(find_invalid_utf8("a\xc0\xaf") == 1);        // overlong
  CHECK(find_invalid_utf8("\xe0\x80\xaf") == 0);     // overlong
  CHECK(find_invalid_utf8("\xed\xa0\x80") == 0);     // surrogate
  CHECK(find_invalid_utf8("\xf4\x90\x80\x80") == 0); // beyond U+10FFFF
  CHECK(find_invalid_utf8("a\xe2\x82") == 1);        // cut off
  CHECK(find_invalid_utf8("\xf0\x9f\x98") == 0);     // cut off
}

TEST_CASE("key_path: quotes keys that are not bare", "[config][unit]") {
  auto root = key_path{"container"};
  auto list = root / "processes";
  CHECK(list[2].text() == "container.processes[2]");
  CHECK((root / "a b").text() == "container.\"a b\"");
  CHECK((root / "").text() == "container.\"\"");
}
