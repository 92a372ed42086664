// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/start_turns.hpp"

#include "tests/support/catch.hpp"

#include <deque>
#include <random>

using namespace reeve::supervisor;
using reeve::config::restart_strategy;
using phase = process_phase;
using names = std::vector<std::string>;

namespace {

/// Peers whose names are letters, all of one group and running.
struct fixture {
  explicit fixture(const std::string& letters) {
    for (auto letter : letters) {
      ids.emplace_back(1, letter);
      peer one;
      one.id = ids.back();
      one.group = "";
      one.phase = phase::running;
      one.ready = true;
      all.push_back(one);
    }
  }

  peer& operator[](char letter) {
    return all[at(letter)];
  }

  [[nodiscard]] std::size_t at(char letter) const {
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].id.front() == letter)
        return i;
    return all.size();
  }

  void need(char who, const std::string& whom) {
    auto& list = needs.emplace_back();
    for (auto letter : whom)
      list.emplace_back(1, letter);
    (*this)[who].after = list;
  }

  [[nodiscard]] turn_verdict turn_of(char who) const {
    return reeve::supervisor::turn_of(all, at(who), strategy);
  }

  [[nodiscard]] std::string fall_with(char who) const {
    std::string out;
    for (auto i : reeve::supervisor::fall_with(all, at(who), strategy))
      out += all[i].id;
    return out;
  }

  restart_strategy strategy = restart_strategy::one_for_one;
  std::deque<std::string> ids;
  std::deque<std::vector<std::string>> needs;
  std::vector<peer> all;
};

} // namespace

TEST_CASE("start_turns: nobody is started before those that it needs",
          "[supervisor][start_turns]") {
  auto uut = fixture{"abc"};
  uut.need('c', "ab");
  uut['c'].phase = phase::waiting;
  CHECK(uut.turn_of('c').what == turn::start);
  SECTION("it runs but is not ready") {
    uut['b'].ready = false;
    CHECK(uut.turn_of('c').what == turn::wait);
    CHECK(uut.turn_of('c').whom == names{"b"});
  }
  SECTION("it comes") {
    uut['a'].ready = uut['b'].ready = false;
    for (auto p : {phase::starting, phase::waiting, phase::backing_off,
                   phase::stopping}) {
      uut['a'].phase = uut['b'].phase = p;
      CHECK(uut.turn_of('c').what == turn::wait);
      CHECK(uut.turn_of('c').whom == names{"a", "b"});
    }
    uut['a'].phase = uut['b'].phase = phase::created;
    uut['a'].is_expected = uut['b'].is_expected = true;
    CHECK(uut.turn_of('c').what == turn::wait);
  }
  SECTION("it is a job that is done") {
    uut['a'].phase = phase::exited;
    uut['a'].ready = false;
    uut['a'].last = exit_reason::exited(0);
    CHECK(uut.turn_of('c').what == turn::start);
  }
  SECTION("it does not run") {
    uut['a'].ready = uut['b'].ready = false;
    uut['b'].phase = phase::backing_off;
    for (const auto& last : {exit_reason::exited(1), exit_reason::stopped(),
                             exit_reason::lost()}) {
      uut['a'].phase = phase::exited;
      uut['a'].last = last;
      CHECK(uut.turn_of('c').what == turn::refuse);
      CHECK(uut.turn_of('c').whom == names{"a"});
    }
    for (auto p : {phase::gave_up, phase::held, phase::created}) {
      uut['a'].phase = p;
      CHECK(uut.turn_of('c').what == turn::refuse);
    }
  }
  SECTION("and nobody is stopped before those that need it") {
    uut['c'].phase = phase::running;
    CHECK_FALSE(may_stop(uut.all, uut.at('a')));
    CHECK(may_stop(uut.all, uut.at('c')));
    uut['c'].phase = phase::stopping;
    CHECK_FALSE(may_stop(uut.all, uut.at('b')));
    uut['c'].phase = phase::exited;
    CHECK(may_stop(uut.all, uut.at('a')));
    CHECK(may_stop(uut.all, uut.at('b')));
  }
}

TEST_CASE("start_turns: who falls with whom", "[supervisor][start_turns]") {
  auto uut = fixture{"abcd"};
  CHECK(uut.fall_with('b').empty());
  uut.strategy = restart_strategy::one_for_all;
  CHECK(uut.fall_with('b') == "dca");
  uut.strategy = restart_strategy::rest_for_one;
  CHECK(uut.fall_with('b') == "dc");
  CHECK(uut.fall_with('d').empty());
  SECTION("nobody of another group, and nobody without one") {
    uut['c'].group = "other";
    uut['d'].group.reset();
    CHECK(uut.fall_with('a') == "b");
    CHECK(uut.fall_with('d').empty());
    uut.strategy = restart_strategy::one_for_all;
    CHECK(uut.fall_with('a') == "b");
    CHECK(uut.fall_with('c').empty());
  }
}

TEST_CASE("start_turns: a group begins again when all of it is down, in order",
          "[supervisor][start_turns]") {
  auto uut = fixture{"abc"};
  SECTION("one_for_all") {
    uut.strategy = restart_strategy::one_for_all;
    uut['a'].phase = uut['b'].phase = phase::waiting;
    uut['c'].phase = phase::stopping;
    CHECK(uut.turn_of('a').whom == names{"c"});
    uut['c'].phase = phase::running;
    uut['c'].stands_by = true;
    CHECK(uut.turn_of('a').what == turn::wait);
    uut['c'].stands_by = false;
    uut['c'].phase = phase::backing_off; // also when it is its due alone
    CHECK(uut.turn_of('a').what == turn::wait);
    uut['c'].phase = phase::waiting;
    CHECK(uut.turn_of('a').what == turn::start);
    CHECK(uut.turn_of('b').whom == names{"a"});
    CHECK(uut.turn_of('c').whom == names{"a", "b"});
    uut['a'].phase = phase::starting;
    CHECK(uut.turn_of('b').what == turn::wait);
    uut['a'].phase = phase::running;
    CHECK(uut.turn_of('b').what == turn::start);
  }
  SECTION("rest_for_one") {
    uut.strategy = restart_strategy::rest_for_one;
    uut['b'].phase = phase::waiting;
    uut['c'].phase = phase::stopping;
    CHECK(uut.turn_of('b').whom == names{"c"});
    uut['c'].phase = phase::waiting;
    CHECK(uut.turn_of('b').what == turn::start);
    CHECK(uut.turn_of('c').whom == names{"b"});
    uut['b'].phase = phase::backing_off;
    CHECK(uut.turn_of('c').what == turn::wait);
    uut['b'].phase = phase::exited; // by hand: it is not awaited
    CHECK(uut.turn_of('c').what == turn::start);
  }
}

// Drives peers as the container does, with any order of what happens: each ends
// up running, nobody starts while another that falls with it still goes down,
// and there is always a next step.
TEST_CASE("start_turns: whatever happens, all run again in the end",
          "[supervisor][start_turns]") {
  for (auto strategy :
       {restart_strategy::one_for_one, restart_strategy::one_for_all,
        restart_strategy::rest_for_one}) {
    for (unsigned seed = 0; seed < 300; ++seed) {
      CAPTURE(static_cast<int>(strategy), seed);
      auto gen = std::mt19937{seed};
      auto pick = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>{0, n - 1}(gen);
      };
      auto uut = fixture{"abcdef"};
      uut.strategy = strategy;
      uut.need('d', "b");
      uut.need('f', "ad");
      if (pick(2) == 0)
        uut['c'].group = uut['e'].group = "other";
      auto& all = uut.all;
      auto fall = [&](std::size_t i) {
        all[i].phase = pick(2) == 0 ? phase::waiting : phase::backing_off;
        all[i].ready = all[i].stands_by = false;
        for (auto j : fall_with(all, i, strategy))
          if (all[j].phase == phase::running || all[j].phase == phase::starting)
            all[j].stands_by = true;
      };
      // One step of the peer, if it has one.
      auto advance = [&](std::size_t i) {
        auto& one = all[i];
        switch (one.phase) {
        case phase::running:
          if (one.stands_by) {
            one.phase = phase::stopping;
            one.ready = one.stands_by = false;
          } else if (!one.ready) {
            one.ready = true;
          } else {
            return false;
          }
          return true;
        case phase::stopping:
        case phase::backing_off:
          one.phase = phase::waiting;
          return true;
        case phase::waiting:
          if (turn_of(all, i, strategy).what != turn::start)
            return false;
          for (auto j : fall_with(all, i, strategy))
            REQUIRE(all[j].phase != phase::stopping);
          one.phase = phase::starting;
          return true;
        case phase::starting:
          one.phase = one.stands_by ? phase::stopping : phase::running;
          one.stands_by = false;
          return true;
        default:
          return false;
        }
      };
      for (auto i = 0; i < 200; ++i) {
        auto who = pick(all.size());
        auto is_up = all[who].phase == phase::running && !all[who].stands_by;
        if (is_up && pick(4) == 0)
          fall(who);
        else
          advance(who);
      }
      for (auto moved = true; moved;) {
        moved = false;
        for (std::size_t i = 0; i < all.size(); ++i)
          moved = advance(i) || moved;
      }
      for (const auto& one : all)
        CHECK((one.phase == phase::running && one.ready));
    }
  }
}
