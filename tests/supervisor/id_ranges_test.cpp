// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/id_ranges.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temp_directory.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
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

  [[nodiscard]] std::string registry() const {
    return dir_.path() + "/registry";
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
  REQUIRE(a.release_all().has_value());
  CHECK(b.take());
  CHECK_FALSE(a.take());
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: the last one to release removes the registry",
                 "[supervisor][unit]") {
  auto cfg = shared(2 * block);
  auto path = owner("a");
  {
    id_ranges earlier{cfg, path};
    REQUIRE(take_all(earlier).size() == 2 * block);
  }
  id_ranges b{cfg, owner("b")};
  {
    // One block is all that this life needs; the other was claimed before it.
    id_ranges a{cfg, path};
    a.give_back(a.take().value());
    REQUIRE(a.release_all().has_value());
  }
  CHECK_FALSE(fs::exists(registry()));
  CHECK(take_all(b).size() == 2 * block);
  REQUIRE(b.release_all().has_value());
  CHECK_FALSE(fs::exists(registry()));
  REQUIRE(b.release_all().has_value()); // nothing to do
}

TEST_CASE("id_ranges: the registry outlives a restart of the host",
          "[supervisor][unit]") {
  // As the state does; what is below /run does not.
  config::daemon_config cfg;
  CHECK(cfg.state_dir.starts_with("/var/lib/"));
  CHECK(cfg.ids.registry.starts_with("/var/lib/"));
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: a claim is never written anew, and one that is "
                 "empty counts for nothing",
                 "[supervisor][unit]") {
  auto cfg = shared(block);
  auto path = owner("a");
  auto base = id_ranges{cfg, path}.take().value();
  auto file = registry() + "/0";
  auto before = fs::last_write_time(file) - std::chrono::hours{1};
  fs::last_write_time(file, before);
  REQUIRE(id_ranges{cfg, path}.claim(base).has_value());
  CHECK(fs::last_write_time(file) == before);
  std::ofstream{file, std::ios::trunc}.flush(); // a crash before it was written
  id_ranges b{cfg, owner("b")};
  CHECK(b.take().has_value());
}

TEST_CASE_METHOD(ranges_fixture,
                 "id_ranges: the ids of a directory are kept for it",
                 "[supervisor][unit]") {
  if (!tests::is_root())
    return;
  auto cfg = shared(2);
  auto left = owner("left");
  auto root = left + "/layer/u";
  fs::create_directories(root);
  id_ranges ranges{cfg, owner("a")};
  auto none = ranges.claim_owner_of(left);
  REQUIRE(none.has_value());
  CHECK_FALSE(none->has_value());
  CHECK_FALSE(ranges.claim_owner_of(left + "/gone").value().has_value());
  // Not of this instance's to give.
  REQUIRE(::chown(root.c_str(), cfg.first + 2 * ids_per_container, 5) == 0);
  CHECK_FALSE(ranges.claim_owner_of(left).value().has_value());
  // Root of the container gave its root directory to somebody inside.
  auto second = cfg.first + ids_per_container;
  REQUIRE(::chown(root.c_str(), second + 1000, 0) == 0);
  CHECK(ranges.claim_owner_of(left).value() == second);
  CHECK(take_all(ranges) == std::set<id_base>{cfg.first});
  // Of another instance: refused, as any claim.
  id_ranges b{cfg, owner("b")};
  auto refused = b.claim_owner_of(left);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == EBUSY);
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
