// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/wire.hpp"

#include "tests/support/catch.hpp"

#include <limits>

using namespace reeve::kernel;

namespace {

enum class colour : std::uint8_t { red = 3 };

struct leaf {
  std::uint16_t number = 0;
  std::string name;

  static void fields(auto& ar, auto& self) {
    ar(self.number, self.name);
  }

  bool operator==(const leaf&) const = default;
};

struct sample {
  bool flag = false;
  colour paint = {};
  std::int64_t big = 0;
  std::string text;
  std::vector<std::string> list;
  std::vector<leaf> leaves;

  static void fields(auto& ar, auto& self) {
    ar(self.flag, self.paint, self.big, self.text, self.list, self.leaves);
  }

  bool operator==(const sample&) const = default;
};

struct text_only {
  std::string text;

  static void fields(auto& ar, auto& self) {
    ar(self.text);
  }
};

struct nothing {
  static void fields(auto&, auto&) {}
};

struct leaves_only {
  std::vector<leaf> leaves;

  static void fields(auto& ar, auto& self) {
    ar(self.leaves);
  }
};

struct flag_only {
  bool flag = false;

  static void fields(auto& ar, auto& self) {
    ar(self.flag);
  }
};

sample filled() {
  return {true,
          colour::red,
          std::numeric_limits<std::int64_t>::min(),
          std::string("a\0b", 3),
          {"", "x", std::string(70'000, 'y')},
          {{1, "one"}, {2, ""}}};
}

} // namespace

TEST_CASE("wire: what was encoded is decoded, embedded zeros included",
          "[kernel-iface][unit]") {
  for (const auto& in : {sample{}, filled()}) {
    sample out;
    REQUIRE(wire::decode(wire::encode(in), out));
    CHECK(out == in);
  }
}

TEST_CASE("wire: a message without fields has no bytes",
          "[kernel-iface][unit]") {
  nothing record;
  CHECK(wire::encode(record).empty());
  CHECK(wire::decode("", record));
  CHECK_FALSE(wire::decode("x", record));
}

TEST_CASE("wire: every shorter prefix is refused", "[kernel-iface][unit]") {
  auto small = filled();
  small.list.pop_back();
  auto bytes = wire::encode(small);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    sample out;
    INFO("prefix of " << size);
    CHECK_FALSE(wire::decode(std::string_view{bytes}.substr(0, size), out));
  }
}

TEST_CASE("wire: bytes left over are refused", "[kernel-iface][unit]") {
  sample out;
  CHECK_FALSE(wire::decode(wire::encode(filled()) + '\0', out));
}

TEST_CASE("wire: a length beyond the end is refused without an allocation",
          "[kernel-iface][unit]") {
  text_only text;
  CHECK_FALSE(wire::decode(std::string("\xff\xff\xff\xff", 4), text));
  CHECK(text.text.empty());
  leaves_only list;
  CHECK_FALSE(wire::decode(std::string("\xff\xff\xff\xff"
                                       "abc",
                                       7),
                           list));
  CHECK(list.leaves.capacity() == 0);
}

TEST_CASE("wire: a list ends at the first element that is not there",
          "[kernel-iface][unit]") {
  // Says four elements and has bytes for one and a bit: what was made is
  // bounded by what was received.
  leaves_only in{{{1, "ab"}}};
  auto bytes = wire::encode(in);
  bytes[0] = 4;
  leaves_only out;
  CHECK_FALSE(wire::decode(bytes, out));
  CHECK(out.leaves.size() == 2);
}

TEST_CASE("wire: any byte but 0 is true", "[kernel-iface][unit]") {
  flag_only out;
  REQUIRE(wire::decode("\x80", out));
  CHECK(out.flag);
  REQUIRE(wire::decode(std::string_view("\0", 1), out));
  CHECK_FALSE(out.flag);
}
