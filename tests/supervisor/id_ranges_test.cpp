// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/id_ranges.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

using namespace reeve;
using namespace reeve::supervisor;

namespace fs = std::filesystem;

namespace {

class ranges_fixture {
protected:
  // A registry that two owners share.
  [[nodiscard]] config::id_config shared(std::uint32_t ranges) const {
    config::id_config out;
    out.count = ranges;
    out.registry = dir_.path() + "/registry";
    return out;
  }

  [[nodiscard]] std::string owner(const std::string& name) const {
    auto path = dir_.path() + "/" + name;
    fs::create_directory(path);
    return path;
  }

private:
  tests::temp_directory dir_;
};

constexpr auto block = id_ranges::ranges_per_block;

std::set<id_base> take_all(id_ranges& from) {
  std::set<id_base> out;
  for (auto base = from.take(); base; base = from.take())
    REQUIRE(out.insert(*base).second);
  return out;
}

} // namespace

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: every range starts at a multiple and is unique",
                 "[supervisor][unit]") {
  auto cfg = shared(block + 3); // the last block is not a whole one
  id_ranges ranges{cfg, owner("a")};
  auto all = take_all(ranges);
  CHECK(all.size() == block + 3);
  CHECK(*all.begin() == cfg.first);
  for (auto base : all)
    CHECK((base - cfg.first) % ids_per_container == 0);
  auto none = ranges.take();
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ENOSPC);
  CHECK_FALSE(none.error().hint.empty());
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: what was given back is taken again",
                 "[supervisor][unit]") {
  id_ranges ranges{shared(1), owner("a")};
  auto base = ranges.take().value();
  CHECK_FALSE(ranges.take());
  ranges.give_back(base);
  ranges.give_back(base); // twice does not make two of it
  CHECK(ranges.take().value() == base);
  CHECK_FALSE(ranges.take());
}

TEST_CASE_METHOD(ranges_fixture, "id_ranges: two owners share no range",
                 "[supervisor][unit]") {
  auto cfg = shared(3 * block);
  id_ranges a{cfg, owner("a")};
  id_ranges b{cfg, owner("b")};
  std::set<id_base> all{a.take().value(), b.take().value()};
  for (auto* each : {&a, &b})
    for (auto base : take_all(*each))
      REQUIRE(all.insert(base).second);
  CHECK(all.size() == 3 * block);
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: a range of another owner cannot be claimed",
                 "[supervisor][unit]") {
  auto cfg = shared(2 * block);
  id_ranges a{cfg, owner("a")};
  id_ranges b{cfg, owner("b")};
  auto base = a.take().value();
  auto claimed = b.claim(base);
  REQUIRE_FALSE(claimed);
  CHECK(claimed.error().code == EBUSY);
}

TEST_CASE_METHOD(
    ranges_fixture,
    "id_ranges: a block is free when its owner's directory is gone",
    "[supervisor][unit]") {
  auto cfg = shared(block);
  auto path = owner("a");
  id_ranges a{cfg, path};
  auto base = a.take().value();
  id_ranges b{cfg, owner("b")};
  REQUIRE_FALSE(b.take());
  fs::remove(path);
  CHECK(b.take().value() == base);
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: released blocks are free for another owner",
                 "[supervisor][unit]") {
  auto cfg = shared(block);
  id_ranges a{cfg, owner("a")};
  id_ranges b{cfg, owner("b")};
  a.give_back(a.take().value());
  REQUIRE_FALSE(b.take());
  a.release_all();
  CHECK(b.take());
  CHECK_FALSE(a.take());
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: a new daemon does not give out what it claimed",
                 "[supervisor][unit]") {
  auto cfg = shared(block);
  auto path = owner("a");
  auto base = id_ranges{cfg, path}.take().value();
  id_ranges next{cfg, path};
  REQUIRE(next.claim(base));
  REQUIRE(next.claim(base)); // repeatable
  CHECK(take_all(next).count(base) == 0);
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: a claim between two ranges is refused",
                 "[supervisor][unit]") {
  auto cfg = shared(block);
  id_ranges ranges{cfg, owner("a")};
  for (auto base : {cfg.first - ids_per_container, cfg.first + 1}) {
    auto claimed = ranges.claim(base);
    REQUIRE_FALSE(claimed);
    CHECK(claimed.error().code == EINVAL);
  }
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: blocks that overlap /etc/subuid are passed over",
                 "[supervisor][unit]") {
  // The host's file is read, never written: without an entry there is nothing
  // to overlap with, and that is what is checked then.
  auto cfg = shared(2 * block);
  std::ifstream in{"/etc/subuid"};
  std::string line;
  std::uint64_t from = 0;
  while (std::getline(in, line) && from == 0)
    if (auto at = line.find(':'); at != std::string::npos)
      from = std::strtoull(line.c_str() + at + 1, nullptr, 10);
  constexpr auto most = std::uint64_t{3'000'000'000};
  auto overlap = from != 0 && from < most;
  if (overlap)
    cfg.first = static_cast<std::uint32_t>(from - from % ids_per_container);
  id_ranges ranges{cfg, owner("a")};
  auto base = ranges.take().value();
  auto block_of = (base - cfg.first) / ids_per_container / block;
  CHECK(block_of == (overlap ? 1 : 0));
}
