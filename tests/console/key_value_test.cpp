// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/key_value.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::console;

TEST_CASE("a property ends its key at the first =", "[console][unit]") {
  auto pair = parse_key_value("--prop", "a=b=c");
  REQUIRE(pair);
  CHECK(pair->first == "a");
  CHECK(pair->second == "b=c");
  CHECK(parse_key_value("--prop", "a=")->second.empty());
}

TEST_CASE("a property without key or = is refused by the option's name",
          "[console][unit]") {
  for (const auto* text : {"", "=", "=v", "key"}) {
    auto pair = parse_key_value("--prop", text);
    REQUIRE_FALSE(pair);
    CHECK(pair.error().what == "--prop");
  }
}

TEST_CASE("a property is given once", "[console][unit]") {
  CHECK(parse_properties("--prop", {"a=1", "b=2"})->size() == 2);
  CHECK_FALSE(parse_properties("--prop", {"a=1", "a=1"}));
}
