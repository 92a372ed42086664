// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Runs the program itself: its numbers do not matter here, that it has them
// does.

#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

namespace {

void need_root() {
  if (::geteuid() == 0 && ::access("/bin/busybox", X_OK) == 0)
    return;
  std::cout << "skipped: needs root and /bin/busybox\n";
  std::_Exit(reeve::tests::skipped_status);
}

struct outcome {
  int status = -1;
  std::string out;
};

outcome bench(const std::string& arguments) {
  auto* pipe =
      ::popen((REEVE_TEST_BENCH " " + arguments + " 2>&1").c_str(), "re");
  REQUIRE(pipe != nullptr);
  outcome done;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;)
    done.out += static_cast<char>(c);
  done.status = WEXITSTATUS(::pclose(pipe));
  return done;
}

} // namespace

TEST_CASE("reeve-bench: every scenario has a headline and a floor",
          "[benchmarks][kernel]") {
  need_root();
  const auto* scenario =
      GENERATE("exec", "create_warm", "create_cold", "destroy", "set",
               "restart", "message_in_process", "message_between_processes");
  auto done = bench(std::string{scenario} + " -n 2 --no-peers --json");
  INFO(done.out);
  REQUIRE(done.status == 0);
  auto floors = 0;
  auto headlines = 0;
  for (const auto& row : nlohmann::json::parse(done.out)) {
    CHECK(row.at("scenario") == scenario);
    CHECK(row.at("unit") == "us");
    CHECK(row.at("n") == 2);
    CHECK(row.at("p50").get<double>() > 0);
    floors += row.at("metric") == "floor" ? 1 : 0;
    headlines += row.at("metric") == "end_to_end" ? 1 : 0;
    CHECK((row.at("metric") == "floor") == row.at("ratio").is_null());
  }
  CHECK(floors == 1);
  CHECK(headlines == 1);
}

TEST_CASE("reeve-bench: density takes how many as a word",
          "[benchmarks][kernel]") {
  need_root();
  auto done = bench("density 3 --json --no-peers");
  INFO(done.out);
  REQUIRE(done.status == 0);
  auto rows = nlohmann::json::parse(done.out);
  REQUIRE_FALSE(rows.empty());
  for (const auto& row : rows)
    CHECK(row.at("scenario") == "density");
}

TEST_CASE("reeve-bench: a look at many is held against a look at few",
          "[benchmarks][kernel]") {
  need_root();
  auto done = bench("stats --containers 12 -n 3 --json --no-peers");
  INFO(done.out);
  REQUIRE(done.status == 0);
  std::map<std::string, nlohmann::json> rows;
  for (const auto& row : nlohmann::json::parse(done.out)) {
    CHECK(row.at("p50").get<double>() > 0);
    rows.emplace(row.at("metric"), row);
  }
  CHECK(rows.size() == 5);
  CHECK(rows.contains("end_to_end"));
  for (const auto* metric : {"each_of_", "limits_of_one_of_"}) {
    auto few = rows.at(std::string{metric} + "10");
    CHECK(few.at("ratio").is_null());
    CHECK(rows.at(std::string{metric} + "12").at("floor_p50") == few.at("p50"));
  }
}

TEST_CASE("reeve-bench: a storm has a headline, a floor and the answers to "
          "others",
          "[benchmarks][kernel]") {
  need_root();
  auto done = bench("restart-storm --containers 3 --processes 2 --rounds 2 "
                    "--json --no-peers");
  INFO(done.out);
  REQUIRE(done.status == 0);
  std::map<std::string, nlohmann::json> rows;
  for (const auto& row : nlohmann::json::parse(done.out)) {
    CHECK(row.at("scenario") == "restart_storm");
    CHECK(row.at("p50").get<double>() > 0);
    rows.emplace(row.at("metric"), row);
  }
  for (const auto* of_rounds : {"floor", "end_to_end", "kills"})
    CHECK(rows.at(of_rounds).at("n") == 2);
  CHECK_FALSE(rows.at("end_to_end").at("ratio").is_null());
  for (const auto* of_processes : {"each_end", "each_restart"})
    CHECK(rows.at(of_processes).at("n") == 3 * 2 * 2);
  for (const auto* answers : {"warden", "container", "nap"})
    for (const auto* when : {"_quiet", "_storm"})
      CHECK(rows.at(std::string{answers} + when).at("n") > 0);
}

TEST_CASE("reeve-bench: what no storm can be is refused", "[benchmarks]") {
  const auto* option =
      GENERATE("--processes 0", "--processes 1001", "--processes few",
               "--rounds 0", "--rounds -1", "--containers 0");
  auto done = bench(std::string{"restart-storm "} + option);
  INFO(done.out);
  CHECK(done.status != 0);
  CHECK(done.out.find(std::string{option}.substr(0, 8)) != std::string::npos);
}

TEST_CASE("reeve-bench: an unknown scenario is named", "[benchmarks]") {
  auto done = bench("hurry");
  CHECK(done.status == 2);
  CHECK(done.out.find("'hurry'") != std::string::npos);
}
