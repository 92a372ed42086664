// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/json.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>

using namespace reeve;
using namespace reeve::console;

TEST_CASE("a container's record has its stable fields", "[console][unit]") {
  auto info = supervisor::container_info{};
  info.container = "web";
  info.phase = supervisor::container_phase::running;
  info.image = "base";
  info.live_processes = 2;
  info.created_ms = 1'000;
  info.id = "c1";
  info.properties = {{"k", "v"}};
  CHECK(line_of(json_of(std::vector{info}))
        == R"([{"name":"web","state":"running","image":"base","processes":2,)"
           R"("created":"1970-01-01T00:00:01.000Z","id":"c1","pid":null,)"
           R"("uid_base":0,"properties":{"k":"v"},"problems":[]}])"
           "\n");
  CHECK(line_of(json_of(std::vector<supervisor::container_info>{})) == "[]\n");
}

TEST_CASE("a process's record tells of its end only after one",
          "[console][unit]") {
  auto info = supervisor::process_info{};
  info.process = "p";
  info.phase = supervisor::process_phase::running;
  info.pid = 9;
  auto running = json_of(info);
  CHECK(running["exit"].is_null());
  CHECK(running["next_restart"].is_null());
  CHECK(running["pid"] == 9);
  CHECK(running["restart"] == "temporary");
  info.has_ended = true;
  info.last = supervisor::exit_reason::signaled(SIGKILL, false);
  auto ended = json_of(info)["exit"];
  CHECK(ended["kind"] == "signaled");
  CHECK(ended["status"] == 137);
  CHECK(ended["signal"] == "SIGKILL");
  CHECK(ended["code"].is_null());
}

TEST_CASE("the signal of an end is text, whichever it was", "[console][unit]") {
  auto name_of = [](int signo) {
    auto ended = supervisor::process_info{};
    ended.has_ended = true;
    ended.last = supervisor::exit_reason::signaled(signo, false);
    return json_of(ended)["exit"]["signal"];
  };
  CHECK(name_of(SIGTERM) == "SIGTERM");
  CHECK(name_of(SIGRTMIN) == "SIGRTMIN");
  CHECK(name_of(SIGRTMIN + 3) == "SIGRTMIN+3");
  CHECK(name_of(SIGRTMAX) == "SIGRTMIN+30");
  CHECK(name_of(32) == "SIG32"); // one of the C library's own
}

TEST_CASE("the details of a container are one object with its spec",
          "[console][unit]") {
  auto details = supervisor::container_details{};
  details.spec.name = "web";
  details.spec.rootfs = "/srv";
  details.processes.emplace_back();
  details.limits.push_back({"pids.limit", "5", ""});
  auto out = json_of(details);
  CHECK(out["spec"]["rootfs"] == "/srv");
  CHECK(out["processes"].size() == 1);
  CHECK(out["limits"][0]["value"] == "5");
  CHECK(out["limits"][0]["source"].is_null());
}

TEST_CASE("an event is one line, whatever its text", "[console][unit]") {
  auto event = supervisor::event{};
  event.seq = 3;
  event.kind = supervisor::event_kind::process_exited;
  event.text = "a\nb\xff";
  auto line = line_of(json_of(event));
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  auto back = json::parse(line);
  CHECK(back["event"] == "process_exited");
  CHECK(back["text"] == "a\nb\ufffd");
}

TEST_CASE("the daemon's record groups what belongs to the pool",
          "[console][unit]") {
  auto info = supervisor::daemon_info{};
  info.pool_hits = 7;
  CHECK(json_of(info)["pool"]["hits"] == 7);
}
