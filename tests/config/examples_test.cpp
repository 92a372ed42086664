// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/config/examples.hpp"

#include "config/parse.hpp"
#include "config/serialize.hpp"
#include "config/validate.hpp"
#include "tests/support/catch.hpp"

using namespace reeve::config;
using namespace reeve::test;

namespace {

template <class T>
std::string problem(const result<T>& res) {
  return res ? "" : to_string(res.error());
}

} // namespace

TEST_CASE("examples: every container example parses, is valid and survives "
          "being saved",
          "[config][unit]") {
  auto seen = 0;
  for (const auto& ex : examples()) {
    if (is_daemon_config(ex))
      continue;
    ++seen;
    INFO(ex.name);
    auto spec = parse_container_spec(ex.text, ex.name);
    REQUIRE(problem(spec).empty());
    CHECK(problem(validate(*spec)).empty());
    CHECK(parse_container_spec(to_json(*spec), "saved.json") == *spec);
  }
  CHECK(seen >= 4);
}

TEST_CASE("examples: the daemon's example parses and is valid",
          "[config][unit]") {
  auto seen = 0;
  for (const auto& ex : examples()) {
    if (!is_daemon_config(ex))
      continue;
    ++seen;
    auto cfg = parse_daemon_config(ex.text, ex.name);
    REQUIRE(problem(cfg).empty());
    CHECK(problem(validate(*cfg)).empty());
    CHECK(cfg->ids == id_config{});
    CHECK(cfg->deadlines == deadlines{});
    CHECK(cfg->log.sink == log_sink::file);
  }
  CHECK(seen == 1);
}
