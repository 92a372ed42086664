// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/start_order.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

using namespace reeve::config;

namespace {

std::vector<process_needs>
needs_of(const std::vector<std::string>& ids,
         const std::vector<std::vector<std::string>>& after) {
  auto out = std::vector<process_needs>{};
  for (std::size_t i = 0; i < ids.size(); ++i)
    out.push_back({ids[i], after[i]});
  return out;
}

} // namespace

TEST_CASE("start_order: the order of the list is kept where nothing is needed",
          "[config][unit]") {
  auto ids = std::vector<std::string>{"a", "b", "c", "d"};
  auto order = [&](const std::vector<std::vector<std::string>>& after) {
    return start_order(needs_of(ids, after)).value();
  };
  using indices = std::vector<std::size_t>;
  CHECK(order({{}, {}, {}, {}}) == indices{0, 1, 2, 3});
  CHECK(order({{"c"}, {}, {}, {}}) == indices{1, 2, 0, 3});
  CHECK(order({{"d"}, {"a"}, {"a", "b"}, {}}) == indices{3, 0, 1, 2});
  CHECK(start_order({}).value().empty());
}

TEST_CASE("start_order: a chain of any length and shape, or the circle in it",
          "[config][unit]") {
  constexpr std::size_t count = 2000;
  auto gen = std::mt19937{1};
  auto place = std::vector<std::size_t>(count); // in one valid order
  std::iota(place.begin(), place.end(), 0U);
  std::shuffle(place.begin(), place.end(), gen);
  auto ids = std::vector<std::string>{};
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back("p" + std::to_string(i));
  auto after = std::vector<std::vector<std::string>>(count);
  for (std::size_t i = 1; i < count; ++i)
    after[place[i]].push_back(ids[place[i - 1]]);
  CHECK(start_order(needs_of(ids, after)).value() == place);
  after[place[0]].push_back(ids[place[count - 1]]);
  auto refused = start_order(needs_of(ids, after));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("needs itself: p"));
}
