// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `limits`: what a process really may have, in a container and outside.

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <nlohmann/json.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <string>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

json found(const json& all, const std::string& resource,
           const std::string& kind) {
  for (const auto& item : all)
    if (item["resource"] == resource && item["kind"] == kind)
      return item;
  FAIL("there is no " << kind << " limit of " << resource);
  return {};
}

} // namespace

TEST_CASE("console: limits tells what a container's processes may have",
          "[console][kernel][limits]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--memory", "48M",
                "--cpus", "0.5"});
  told(daemon, {"set", "web", "rlimit.nofile=100:200", "rlimit.as=1G"});
  CHECK_THAT(told(daemon, {"get", "web"}), ContainsSubstring("100:200"));
  told(daemon, {"run", "web", "-d", "--process", "app", "--", "sleep", "9999"});
  for (const words& whose : {words{"web"}, words{"web", "app"}}) {
    words line{"--json", "limits"};
    line.insert(line.end(), whose.begin(), whose.end());
    auto all = json::parse(told(daemon, line));
    CHECK(found(all, "memory", "hard")["value"] == 48 << 20);
    CHECK(found(all, "memory", "hard")["exact"] == true);
    CHECK(found(all, "cpu", "hard")["value"] == 0.5);
    CHECK(found(all, "rlimit.nofile", "soft")["value"] == 100);
    CHECK(found(all, "rlimit.nofile", "hard")["value"] == 200);
    CHECK(found(all, "rlimit.nofile", "hard")["source"] == "RLIMIT_NOFILE");
    CHECK(found(all, "memory", "soft")["value"].is_null());
  }
  auto lines = lines_of(told(daemon, {"limits", "web"}));
  CHECK(cells_of(lines.front())
        == std::vector<std::string>{"RESOURCE", "SOFT", "HARD", "SOURCE"});
  auto text = told(daemon, {"limits", "web"});
  CHECK_THAT(text, ContainsSubstring("RLIMIT_NOFILE"));
  CHECK(text.find("RLIMIT_RTTIME") == std::string::npos); // nothing limits it
  CHECK_THAT(told(daemon, {"limits", "web", "-a"}),
             ContainsSubstring("RLIMIT_RTTIME"));
  auto refused = run_console(at(daemon, {"limits", "web", "nobody"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("nobody"));
}

TEST_CASE("console: limits are followed, through a crash of the daemon",
          "[console][kernel][limits]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--pids", "50"});
  following all{daemon, {"--json", "limits", "web", "-f"}};
  auto pids = [&] {
    return found(json::parse(next_line(all.out.read.get())), "pids",
                 "hard")["value"];
  };
  CHECK(pids() == 50);
  told(daemon, {"set", "web", "pids.limit=60"});
  CHECK(pids() == 60);
  daemon.kill();
  daemon.start();
  told(daemon, {"set", "web", "pids.limit=70"});
  CHECK(pids() == 70);
  following table{daemon, {"limits", "web", "-f"}};
  CHECK_THAT(next_line(table.out.read.get()), ContainsSubstring("RESOURCE"));
  told(daemon, {"rm", "-f", "web"});
  CHECK(all.console.finish() == 125);
}

TEST_CASE("console: limits of a pid need no daemon",
          "[console][kernel][limits]") {
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &own) == 0);
  for (const words& whose : {words{std::to_string(::getpid())}, words{}}) {
    words line{"--root", "/nonexistent", "--json", "limits"};
    line.insert(line.end(), whose.begin(), whose.end());
    auto done = run_console(line);
    REQUIRE(done.status == 0);
    auto all = json::parse(done.out);
    CHECK(found(all, "rlimit.nofile", "hard")["value"] == own.rlim_max);
    CHECK(found(all, "pids", "hard")["value"] > 0);
  }
  auto refused =
      run_console({"--root", "/nonexistent", "limits", "2147483646"});
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("ESRCH"));
  refused = run_console({"--root", "/nonexistent", "limits", "1", "app"});
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("a pid has no processes"));
}
