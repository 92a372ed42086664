// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The unit for systemd, as it is installed.

#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temp_directory.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

/// "Section.Key" and what it is set to.
std::map<std::string, std::string> settings() {
  std::map<std::string, std::string> out;
  std::istringstream lines{text_of(REEVE_TEST_UNIT)};
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    auto equals = line.find('=');
    if (line.starts_with('[') && line.ends_with(']'))
      section = line.substr(1, line.size() - 2);
    else if (!line.empty() && line.front() != '#' && equals != line.npos)
      out[section + "." + line.substr(0, equals)] = line.substr(equals + 1);
  }
  return out;
}

} // namespace

TEST_CASE("service unit: containers have groups of their own and outlive the "
          "daemon",
          "[supervisor][service_unit]") {
  auto unit = settings();
  // systemd keeps its hands off what is below.
  CHECK(unit["Service.Delegate"] == "yes");
  // It ends and kills the main process only.
  CHECK(unit["Service.KillMode"] == "process");
  CHECK(unit["Service.DelegateSubgroup"] == "reeved");
  CHECK(unit.count("Service.ExecStop") == 0);
}

TEST_CASE("service unit: it starts what is installed, waits until that is "
          "ready, and reloads it",
          "[supervisor][service_unit]") {
  auto unit = settings();
  CHECK(unit["Service.Type"] == "notify");
  CHECK(unit["Service.ExecStart"] == REEVE_TEST_INSTALLED_DAEMON);
  CHECK(unit["Service.ExecReload"] == "/bin/kill -HUP $MAINPID");
  CHECK(unit["Service.Restart"] == "always");
  CHECK(unit["Install.WantedBy"] == "multi-user.target");
  CHECK(text_of(REEVE_TEST_UNIT).find('@') == std::string::npos);
}

TEST_CASE("service unit: systemd-analyze has nothing to say against it",
          "[supervisor][service_unit]") {
  if (std::system("command -v systemd-analyze >/dev/null") != 0)
    return skip("systemd-analyze is not installed");
  temp_directory dir;
  // It wants to see the program, which is not installed yet.
  auto text = text_of(REEVE_TEST_UNIT);
  std::string installed = REEVE_TEST_INSTALLED_DAEMON;
  auto at = text.find(installed);
  REQUIRE(at != std::string::npos);
  text.replace(at, installed.size(), "/bin/true");
  auto path = dir.path() + "/reeved.service";
  std::ofstream{path} << text;
  auto said = dir.path() + "/said";
  auto status = std::system(
      ("systemd-analyze verify --man=no " + path + " >" + said + " 2>&1")
          .c_str());
  INFO(text_of(said));
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  // It warns of what it does not know, and succeeds. Before version 254 that
  // is one key, which the unit can do without.
  std::istringstream lines{text_of(said)};
  for (std::string line; std::getline(lines, line);)
    CHECK_THAT(line, ContainsSubstring("'DelegateSubgroup'"));
}
