// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/parse.hpp"

#include "tests/support/catch.hpp"

using namespace reeve::config;
using namespace std::chrono_literals;

TEST_CASE("parse_container_spec: what a document leaves out keeps its default",
          "[config][unit]") {
  auto expected = container_spec{};
  expected.name = "a";
  CHECK(parse_container_spec("name = \"a\"", "a.toml") == expected);
  CHECK(parse_container_spec("{\"name\": \"a\"}", "a.json") == expected);
  CHECK(parse_container_spec("", "a.toml") == container_spec{});
}

TEST_CASE("parse_container_spec: the defaults are the documented ones",
          "[config][unit]") {
  auto spec = container_spec{};
  spec.name = "shop/web";
  CHECK(hostname_of(spec) == "web");
  CHECK(spec.limits.pids.value() == 2048U);
  CHECK(spec.capabilities.size() == 14);
  CHECK(spec.auto_stop == auto_stop::never);
  CHECK(spec.on_owner_loss.action == owner_loss::keep);
  CHECK(spec.namespaces.net.mode == namespace_mode::isolated);
  auto process = process_spec{};
  CHECK(process.no_new_privs);
  CHECK(process.stop_grace == 10s);
  CHECK(process.restart.type == restart_type::temporary);
}

TEST_CASE("parse: the format follows the suffix unless it is given",
          "[config][unit]") {
  CHECK(format_of("a.json") == format::json);
  CHECK(format_of("a.toml") == format::toml);
  CHECK(format_of("json") == format::toml);
  CHECK(parse_container_spec("{\"boot\": true}", "stdin", format::json)->boot);
  CHECK(parse_container_spec("boot = true", "x.json", format::toml)->boot);
}

TEST_CASE("parse: TOML and JSON read the same document alike",
          "[config][unit]") {
  auto toml = parse_process_spec(R"(
id = "p"
argv = ["/bin/true", "\u00e9"]
user = 1000
umask = "022"
stop_signal = 9
oom_score_adj = -5
rlimits = { nofile = 10, memlock = { soft = "64K", hard = "unlimited" } }
capabilities = []
restart = { type = "permanent", backoff_factor = 3, jitter = 0.5 }
)",
                                 "p.toml");
  auto json = parse_process_spec(R"({
"id": "p", "argv": ["/bin/true", "\u00e9"], "user": 1000, "umask": "022",
"stop_signal": 9, "oom_score_adj": -5,
"rlimits": {"nofile": 10, "memlock": {"soft": "64K", "hard": "unlimited"}},
"capabilities": [],
"restart": {"type": "permanent", "backoff_factor": 3, "jitter": 0.5}})",
                                 "p.json");
  REQUIRE(toml);
  CHECK(toml == json);
  CHECK(toml->user == "1000");
  CHECK(toml->stop_signal == "9");
  CHECK(toml->umask == 18U);
  CHECK(toml->rlimits["nofile"] == rlimit_pair{10, 10});
  CHECK(toml->rlimits["memlock"] == rlimit_pair{65536, rlimit_pair::unlimited});
  CHECK(toml->capabilities == std::vector<std::string>{});
  CHECK(toml->restart.backoff_factor == 3);
}

TEST_CASE("parse_container_spec: namespaces are private, the host's or joined",
          "[config][unit]") {
  auto spec = parse_container_spec(
      "namespaces = { net = \"container:a/b\", pid = \"host\" }", "a.toml");
  REQUIRE(spec);
  CHECK(spec->namespaces.net == namespace_choice{namespace_mode::join, "a/b"});
  CHECK(spec->namespaces.pid.mode == namespace_mode::host);
  CHECK(spec->namespaces.ipc == namespace_choice{});
  CHECK(to_text(spec->namespaces.net) == "container:a/b");
}

TEST_CASE("parse_container_spec: null in JSON makes a limit absent",
          "[config][unit]") {
  auto spec = parse_container_spec(
      R"({"limits": {"pids": null, "memory": 4096}, "image": null})", "a.json");
  REQUIRE(spec);
  CHECK(spec->limits.pids.is_absent());
  CHECK(spec->limits.memory_bytes.value() == 4096U);
  CHECK(!spec->image.has_value());
}

TEST_CASE("daemon_config: a root moves state, run directory and socket",
          "[config][unit]") {
  CHECK(socket_of(daemon_config{}) == "/run/reeve/reeved.sock");
  auto cfg = with_root({}, "/tmp/x/");
  CHECK(cfg.state_dir == "/tmp/x/state");
  CHECK(cfg.run_dir == "/tmp/x/run");
  CHECK(socket_of(cfg) == "/tmp/x/run/reeved.sock");
  cfg.socket = "/s";
  CHECK(socket_of(cfg) == "/s");
}

TEST_CASE("parse: the ends that a rule of a restart policy is about",
          "[config]") {
  for (const auto* text :
       {"exit", "exit:0", "exit:64", "exit:1-63", "exit:255", "signal",
        "signal:SIGSEGV", "signal:SIGKILL", "oom", "start_failed"}) {
    auto pattern = parse_end_pattern(text);
    REQUIRE(pattern);
    CHECK(to_text(*pattern) == text);
  }
  CHECK(to_text(parse_end_pattern("signal:11").value()) == "signal:SIGSEGV");
  CHECK(to_text(parse_end_pattern("exit:0-255").value()) == "exit");
  CHECK(to_text(parse_end_pattern("exit:7-7").value()) == "exit:7");
  for (const auto* text : {"",
                           "Exit",
                           "exit:",
                           "exit:256",
                           "exit:-1",
                           "exit:9-1",
                           "exit:1-",
                           "exit:-",
                           "exit: 1",
                           "exit:1-2-3",
                           "exit:0x1",
                           "signal:",
                           "signal:NO",
                           "signal:0",
                           "signal:65",
                           "oom:1",
                           "start_failed:2",
                           "stopped",
                           "lost",
                           "exit:99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_end_pattern(text));
  }
}
