// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/parse.hpp"
#include "tests/support/catch.hpp"

using namespace reeve::config;

namespace {

std::string toml_error(std::string_view text) {
  auto spec = parse_container_spec(text, "a.toml");
  return spec ? "no error" : to_string(spec.error());
}

std::string json_error(std::string_view text) {
  auto spec = parse_container_spec(text, "a.json");
  return spec ? "no error" : to_string(spec.error());
}

} // namespace

TEST_CASE("parse: a wrong value is named with file, position and key",
          "[config][unit]") {
  CHECK(toml_error("name = \"a\"\n[limits]\nmemory = \"12Q\"\n")
        == "a.toml:3:10: container.limits.memory: \"12Q\" is not a size; "
           "expected bytes or a number with K, M, G or T");
  CHECK(json_error("{\"name\": \"a\",\n \"limits\": {\n  \"memory\": \"12Q\"}}")
        == "a.json:3:13: container.limits.memory: \"12Q\" is not a size; "
           "expected bytes or a number with K, M, G or T");
}

TEST_CASE("parse: an unknown key is refused with the nearest known one",
          "[config][unit]") {
  CHECK(toml_error("\nhostnam = \"x\"")
        == "a.toml:2:1: container.hostnam: unknown key; expected "
           "\"hostname\"");
  CHECK(toml_error("[limits]\n\n  memroy = 1")
        == "a.toml:3:3: container.limits.memroy: unknown key; expected "
           "\"memory\"");
  CHECK(json_error("{\n\"on_owner_loss\": {\"qqqqqqqq\": 1}}")
        == "a.json:2:19: container.on_owner_loss.qqqqqqqq: unknown key; "
           "expected one of action, grace");
}

TEST_CASE("parse: a wrong type is refused with what was found",
          "[config][unit]") {
  CHECK(toml_error("boot = \"yes\"")
        == "a.toml:1:8: container.boot: found \"yes\"; expected true or "
           "false");
  CHECK(toml_error("name = 2026-01-01")
        == "a.toml:1:8: container.name: found a date or time; expected a "
           "string");
  CHECK(toml_error("[[processes]]\nid = \"a\"\n[[processes]]\nargv = \"sh\"")
        == "a.toml:4:8: container.processes[1].argv: found \"sh\"; expected a "
           "list");
  CHECK(toml_error("[[processes]]\nargv = [\"sh\",\n 1]")
        == "a.toml:3:2: container.processes[0].argv[1]: found 1; expected a "
           "string");
  CHECK(json_error("[]")
        == "a.json:1:1: container: found a list; expected a table");
  CHECK(json_error("{\"processes\": [{\"tty\":\n{\"rows\": 65536 }}]}")
        == "a.json:2:10: container.processes[0].tty.rows: found 65536; "
           "expected a whole number from 0 to 65535");
  CHECK(json_error("{\"seccomp\":\n\n true\n}")
        == "a.json:3:2: container.seccomp: found true; expected one of "
           "default, unconfined");
  CHECK(json_error("{\"name\": null}")
        == "a.json:1:10: container.name: found null; expected a string");
  CHECK(toml_error("[[processes]]\numask = 22")
        == "a.toml:2:9: container.processes[0].umask: found 22; expected an "
           "octal string such as \"022\"");
}

TEST_CASE("parse: positions in JSON survive escapes and line ends after "
          "numbers",
          "[config][unit]") {
  CHECK(json_error(R"({"boot": "a\"b\\"})")
        == R"(a.json:1:10: container.boot: found "a\"b\\"; expected true or )"
           "false");
  CHECK(json_error("{\"boot\":\n 12\n\n}")
        == "a.json:2:2: container.boot: found 12; expected true or false");
  CHECK(json_error("{\"boot\": 1.5e3}")
        == "a.json:1:10: container.boot: found 1500; expected true or false");
  CHECK(json_error("{\"boot\": 9223372036854775808}")
        == "a.json:1:10: 9223372036854775808 is too large; expected a number "
           "below 2^63, or a string");
}

TEST_CASE("parse: a rlimit takes one number, or both limits by name",
          "[config][unit]") {
  auto error = [](std::string_view rlimit) {
    return toml_error("[[processes]]\nrlimits.core = " + std::string{rlimit});
  };
  constexpr auto at = "a.toml:2:16: container.processes[0].rlimits.core";
  CHECK(error("{ soft = 1 }")
        == std::string{at}
               + ": found a table without both; expected \"soft\" and "
                 "\"hard\"");
  CHECK(error("\"some\"")
        == std::string{at}
               + ": found \"some\"; expected a number, a size such as 64M, or "
                 "\"unlimited\"");
}

TEST_CASE("parse: broken syntax is an error with a position",
          "[config][unit]") {
  auto toml = parse_container_spec("name = \"a\"\nboot = = 1", "a.toml");
  REQUIRE(!toml);
  CHECK(toml.error().line == 2);
  CHECK(toml.error().expected == "valid TOML");
  auto json = parse_container_spec("{\"name\": \"a\",\n \"boot\" 1}", "a.json");
  REQUIRE(!json);
  CHECK(json.error().line == 2);
  CHECK(json.error().column == 9);
  CHECK(json.error().expected == "valid JSON");
  CHECK(json.error().message.starts_with("syntax error"));
  CHECK(json_error("").starts_with("a.json:1:1: "));
  CHECK(json_error("").find("parse error") == std::string::npos);
  CHECK(json_error("{\"boot\": 1e999}").starts_with("a.json:1:14: "));
}

TEST_CASE("parse: a repeated key is an error in both formats",
          "[config][unit]") {
  auto toml = parse_container_spec("boot = true\nboot = true", "a.toml");
  REQUIRE(!toml);
  CHECK(toml.error().line == 2);
  CHECK(json_error("{\"boot\": true,\n\"boot\": true}")
        == "a.json:2:1: \"boot\" is there twice; expected every key once");
}

TEST_CASE("parse: text that is not UTF-8 is refused at the bad byte",
          "[config][unit]") {
  constexpr auto expected = ":2:9: \"\\xff\" is not UTF-8; expected text in "
                            "UTF-8";
  CHECK(toml_error("\nname = \"\xff\"") == std::string{"a.toml"} + expected);
  CHECK(json_error("{\n\"name\":\xff")
        == std::string{"a.json"}
               + ":2:8: \"\\xff\" is not UTF-8; "
                 "expected text in UTF-8");
}

TEST_CASE("parse: endless nesting is an error, not an overflow",
          "[config][unit]") {
  CHECK(json_error(std::string(1'000'000, '['))
        == "a.json:1:33: tables or lists nest too deep; expected at most 32 "
           "levels");
  CHECK(toml_error("name = " + std::string(100'000, '[')) != "no error");
  CHECK(toml_error("name = " + std::string(40, '[') + std::string(40, ']'))
        == "a.toml:1:1: tables or lists nest too deep; expected at most 32 "
           "levels");
}

TEST_CASE("parse: errors of all documents start with what they are",
          "[config][unit]") {
  CHECK(parse_process_spec("x = 1", "p").error().key == "process.x");
  CHECK(parse_daemon_config("x = 1", "d").error().key == "daemon.x");
}
