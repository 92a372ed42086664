// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/logging.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace reeve;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using config::log_level;

namespace {

config::daemon_log log_to(const std::string& path) {
  config::daemon_log out;
  out.sink = config::log_sink::file;
  out.path = path;
  return out;
}

std::string contents(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

} // namespace

TEST_CASE("logging: what is below the level is not written",
          "[supervisor][logging]") {
  temp_directory dir;
  auto cfg = log_to(dir.path() + "/log");
  struct expectation {
    log_level level;
    std::ptrdiff_t lines;
  };
  for (auto [level, lines] : {expectation{log_level::trace, 5},
                              {log_level::debug, 4},
                              {log_level::info, 3},
                              {log_level::warning, 2},
                              {log_level::error, 1},
                              {log_level::off, 0}}) {
    std::filesystem::remove(*cfg.path);
    cfg.level = level;
    auto log = supervisor::make_logger(cfg);
    REQUIRE(log);
    (*log)->trace("1");
    (*log)->debug("2");
    (*log)->info("3");
    (*log)->warn("4");
    (*log)->error("5");
    (*log)->flush();
    auto text = contents(*cfg.path);
    CHECK(std::count(text.begin(), text.end(), '\n') == lines);
    CHECK((lines == 0 || text.ends_with(" error 5\n")));
  }
}

TEST_CASE("logging: a line of JSON is one object, whatever the message holds",
          "[supervisor][logging]") {
  temp_directory dir;
  auto cfg = log_to(dir.path() + "/log");
  cfg.json = true;
  auto log = supervisor::make_logger(cfg);
  REQUIRE(log);
  std::string every_byte;
  for (auto c = 1; c < 256; ++c)
    every_byte += static_cast<char>(c);
  const auto messages = std::vector<std::string>{
      "plain",   "", "\"quoted\" \\ {}", "two\nlines\t", "gr\xc3\xbc\xc3\x9f",
      every_byte};
  for (const auto& text : messages)
    (*log)->warn("{}", text);
  std::istringstream lines{contents(*cfg.path)};
  std::string line;
  for (const auto& text : messages) {
    REQUIRE(std::getline(lines, line));
    auto got = nlohmann::json::parse(line, nullptr, false);
    REQUIRE_FALSE(got.is_discarded());
    CHECK(got["level"] == "warning");
    CHECK(got["time"].get<std::string>().ends_with("Z"));
    if (text != every_byte)
      CHECK(got["message"] == text);
    else
      CHECK_THAT(got["message"].get<std::string>(),
                 ContainsSubstring("~\x7f\xef\xbf\xbd"));
  }
  CHECK_FALSE(std::getline(lines, line));
}

TEST_CASE("logging: after reopening, lines go to a new file of the old name",
          "[supervisor][logging]") {
  temp_directory dir;
  auto cfg = log_to(dir.path() + "/log");
  auto log = supervisor::make_logger(cfg);
  REQUIRE(log);
  (*log)->info("before");
  std::filesystem::rename(*cfg.path, *cfg.path + ".1");
  (*log)->info("between");
  supervisor::reopen(**log, cfg);
  (*log)->info("after");
  CHECK_THAT(contents(*cfg.path + ".1"), ContainsSubstring("between"));
  CHECK_THAT(contents(*cfg.path), ContainsSubstring("info after"));
  CHECK(contents(*cfg.path).find("between") == std::string::npos);
}

TEST_CASE("logging: where no new file can be opened, the old one goes on and "
          "says so",
          "[supervisor][logging]") {
  temp_directory dir;
  auto cfg = log_to(dir.path() + "/log");
  auto log = supervisor::make_logger(cfg);
  REQUIRE(log);
  std::filesystem::rename(*cfg.path, *cfg.path + ".1");
  std::filesystem::create_directory(*cfg.path);
  supervisor::reopen(**log, cfg);
  (*log)->info("after");
  CHECK_THAT(contents(*cfg.path + ".1"),
             ContainsSubstring("cannot reopen the log"));
  CHECK_THAT(contents(*cfg.path + ".1"), ContainsSubstring("info after"));
}

TEST_CASE("logging: a file that cannot be opened is an error that names it",
          "[supervisor][logging]") {
  temp_directory dir;
  auto log = supervisor::make_logger(log_to(dir.path()));
  REQUIRE_FALSE(log);
  CHECK_THAT(to_string(log.error()), ContainsSubstring(dir.path()));
}
