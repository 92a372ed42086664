// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `oom`: how a container is out of memory, and what is decided.

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/cgroup_view.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/skip.hpp"

#include <nlohmann/json.hpp>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

// A string that doubles until it is 40 MB.
constexpr auto hog = "BEGIN { s = \"0123456789abcdef\"; "
                     "while (length(s) < 40000000) s = s s }";

} // namespace

TEST_CASE("console: oom tells who waits for memory, and decides",
          "[console][kernel][oom]") {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox", "--memory", "32M"});
  auto idle = json::parse(told(daemon, {"--json", "oom", "web"}));
  CHECK(idle["policy"] == "kill");
  CHECK(idle["times"] == 0);
  CHECK(idle["out_of_memory"] == false);
  CHECK(idle["answer_by"].is_null());
  CHECK(idle["figures"].is_null());
  auto refused = run_console(at(daemon, {"oom", "web", "kill_group"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("oom.policy is kill"));

  told(daemon, {"set", "web", "oom.policy=freeze_and_ask:10m"});
  CHECK_THAT(told(daemon, {"get", "web", "oom.policy"}),
             ContainsSubstring("freeze_and_ask:10m"));
  told(daemon, {"run", "web", "-d", "--process", "hog", "--", "awk", hog});
  auto pid = daemon.process_of("web", "hog").pid;
  json now;
  eventually("somebody is asked", [&] {
    now = json::parse(told(daemon, {"--json", "oom", "web"}));
    return !now["answer_by"].is_null();
  });
  CHECK(now["name"] == "web");
  CHECK(now["out_of_memory"] == true);
  CHECK(now["times"] == 1);
  CHECK(now["figures"]["limit"] == 32 << 20);
  CHECK(now["figures"]["in_use"] > 24 << 20);
  CHECK(now["figures"]["largest_pid"] == pid);
  CHECK_THAT(now["last"].get<std::string>(),
             ContainsSubstring("decision=ask:10m by=policy limit=32M"));
  auto text = told(daemon, {"oom", "web"});
  CHECK_THAT(text, ContainsSubstring("waits for a decision until 20"));
  CHECK_THAT(text, ContainsSubstring("pid " + std::to_string(pid)));
  CHECK_THAT(told(daemon, {"info", "web"}),
             ContainsSubstring("waits for `reeve oom web DECISION`"));

  refused = run_console(at(daemon, {"oom", "web", "raise:8M"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("expected more than 32M"));
  refused = run_console(at(daemon, {"oom", "web", "please"}));
  CHECK(refused.status == 125);
  CHECK_THAT(refused.err, ContainsSubstring("DECISION: \"please\""));
  CHECK(is_alive(pid));

  told(daemon, {"oom", "web", "wait:1h"});
  CHECK(told(daemon, {"oom", "web", "raise:256M"}).empty());
  CHECK(told(daemon, {"wait", "web", "hog"}) == "0\n");
  CHECK_THAT(told(daemon, {"events"}),
             ContainsSubstring("container_out_of_memory  web  "
                               "decision=raise:256M by=answer limit=32M"));
}
