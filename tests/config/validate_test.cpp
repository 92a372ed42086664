// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/validate.hpp"

#include "tests/support/catch.hpp"

#include <functional>
#include <limits>

using namespace reeve::config;
using namespace std::chrono_literals;

namespace {

container_spec good_container() {
  auto spec = container_spec{};
  spec.name = "shop/web";
  spec.image = "alpine";
  auto process = process_spec{};
  process.id = "p";
  process.argv = {"/bin/true"};
  spec.processes = {process};
  return spec;
}

process_spec good_process() {
  return good_container().processes[0];
}

template <class T>
std::string problem(const T& spec) {
  auto done = validate(spec);
  return done ? "" : to_string(done.error());
}

/// The key that `break_it` makes wrong.
template <class T>
std::string wrong_key(T spec, const std::function<void(T&)>& break_it) {
  break_it(spec);
  auto done = validate(spec);
  return done ? "" : done.error().key;
}

std::string in_container(const std::function<void(container_spec&)>& fun) {
  return wrong_key(good_container(), fun);
}

std::string in_process(const std::function<void(process_spec&)>& fun) {
  return wrong_key(good_process(), fun);
}

std::string in_daemon(const std::function<void(daemon_config&)>& fun) {
  return wrong_key(daemon_config{}, fun);
}

} // namespace

TEST_CASE("validate: accepts good specs and the daemon's defaults",
          "[config][unit]") {
  CHECK(problem(good_container()).empty());
  CHECK(problem(good_process()).empty());
  CHECK(problem(daemon_config{}).empty());
  CHECK(problem(with_root({}, "/tmp/t")).empty());
}

TEST_CASE("validate: container names are checked part by part",
          "[config][unit]") {
  auto accepts = [](std::string name) {
    return in_container([&](auto& s) { s.name = std::move(name); }).empty();
  };
  CHECK(accepts("a"));
  CHECK(accepts("a/B_9.x-y/0"));
  CHECK(accepts(std::string(64, 'a')));
  CHECK(accepts("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
  CHECK(!accepts("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
  for (auto name : {"", "/a", "a/", "a//b", ".", "..", "a/..", "-a", "_a",
                    "a b", "a:b", "a\n", "\xc3\xa9"}) {
    INFO(name);
    CHECK(!accepts(name));
  }
  CHECK(!accepts(std::string(65, 'a')));
  CHECK(!accepts(std::string("a\0b", 3)));
}

TEST_CASE("validate: an error says key, escaped value and expectation",
          "[config][unit]") {
  auto spec = good_container();
  spec.processes[0].cwd = "/a/../\x1b[2J" + std::string(100, 'x');
  CHECK(problem(spec)
        == R"(container.processes[0].cwd: found "/a/../\x1b[2J)"
               + std::string(54, 'x')
               + "...\"; expected an absolute path of up to 4095 bytes without "
                 "\"//\", \".\", \"..\" or a '/' at the end");
}

TEST_CASE("validate: refuses what is wrong in a container", "[config][unit]") {
  auto join = [](const char* name) {
    return namespace_choice{namespace_mode::join, name};
  };
  CHECK(in_container([](auto& s) { s.rootfs = "/r"; }) == "container");
  CHECK(in_container([](auto& s) { s.image.reset(); }) == "container");
  CHECK(in_container([](auto& s) { s.image = ""; }) == "container.image");
  CHECK(in_container([](auto& s) { s.image.reset(), s.rootfs = "r"; })
        == "container.rootfs");
  for (auto name : {"", "a_b", "-a", "a-", "a..b", "a."}) {
    INFO(name);
    CHECK(in_container([&](auto& s) { s.hostname = name; })
          == "container.hostname");
  }
  CHECK(in_container([](auto& s) { s.hostname = std::string(65, 'a'); })
        == "container.hostname");
  CHECK(in_container([](auto& s) {
          s.hostname = "h";
          s.namespaces.uts.mode = namespace_mode::host;
        })
        == "container.hostname");
  CHECK(in_container([](auto& s) { s.properties["k"] = "\xff"; })
        == "container.properties.k");
  CHECK(in_container([](auto& s) { s.limits.cpu_weight = 0; })
        == "container.limits.cpu_weight");
  CHECK(in_container([](auto& s) {
          s.limits.cpus = std::numeric_limits<double>::quiet_NaN();
        })
        == "container.limits.cpus");
  CHECK(in_container([&](auto& s) { s.namespaces.net = join("shop/web"); })
        == "container.namespaces.net");
  CHECK(in_container([&](auto& s) { s.namespaces.net = join("a//b"); })
        == "container.namespaces.net");
  CHECK(in_container(
            [](auto& s) { s.namespaces.mount.mode = namespace_mode::host; })
        == "container.namespaces.mount");
  CHECK(in_container([](auto& s) {
          s.capabilities = {"KILL", "ALL"};
        })
        == "container.capabilities[1]");
  CHECK(in_container([](auto& s) { s.cap_drop = {"NOPE"}; })
        == "container.cap_drop[0]");
  CHECK(in_container([](auto& s) {
          s.masked_paths = {"/a", "b"};
        })
        == "container.masked_paths[1]");
  CHECK(in_container([](auto& s) { s.supervision.window = 0ms; })
        == "container.supervision.window");
  CHECK(in_container([](auto& s) { s.on_owner_loss.grace = -1ms; })
        == "container.on_owner_loss.grace");
  // A holder has 32 bits for the milliseconds.
  CHECK(in_container([](auto& s) { s.on_owner_loss.grace = 1001h; })
        == "container.on_owner_loss.grace");
  CHECK(in_container([](auto& s) { s.processes.push_back(s.processes[0]); })
        == "container.processes[1].id");
}

TEST_CASE("validate: privileged goes with dropped capabilities",
          "[config][unit]") {
  CHECK(in_container([](auto& s) {
          s.privileged = true;
          s.cap_drop = {"ALL", "CAP_BPF"};
        }).empty());
}

TEST_CASE("validate: a misspelt capability is told the nearest",
          "[config][unit]") {
  auto spec = good_container();
  spec.cap_add = {"NET_ADMN"};
  CHECK(problem(spec)
        == "container.cap_add[0]: found \"NET_ADMN\"; expected \"NET_ADMIN\"");
}

TEST_CASE("validate: refuses what is wrong in a process", "[config][unit]") {
  CHECK(in_process([](auto& s) { s.id = "a/b"; }) == "process.id");
  CHECK(in_process([](auto& s) { s.argv = {}; }) == "process.argv");
  CHECK(in_process([](auto& s) { s.argv = {""}; }) == "process.argv");
  CHECK(in_process([](auto& s) {
          s.argv.push_back({"\0", 1});
        })
        == "process.argv[1]");
  CHECK(in_process([](auto& s) { s.argv.emplace_back("\xff"); })
        == "process.argv[1]");
  CHECK(in_process([](auto& s) { s.env = {"A=1", "B"}; }) == "process.env[1]");
  CHECK(in_process([](auto& s) { s.env = {"=1"}; }) == "process.env[0]");
  for (auto path : {"", "a", "/a/", "//", "/a//b", "/a/./b", "/.."}) {
    INFO(path);
    CHECK(in_process([&](auto& s) { s.cwd = path; }) == "process.cwd");
  }
  for (auto user : {"", ":", "a:", ":a", "a:b:c", "4294967295", "1000:-1",
                    "a b", "99999999999"}) {
    INFO(user);
    CHECK(in_process([&](auto& s) { s.user = user; }) == "process.user");
  }
  CHECK(in_process([](auto& s) {
          s.groups = {"a", ""};
        })
        == "process.groups[1]");
  CHECK(in_process([](auto& s) { s.rlimits["files"] = {}; })
        == "process.rlimits");
  CHECK(in_process([](auto& s) {
          s.rlimits["nofile"] = {2, 1};
        })
        == "process.rlimits.nofile");
  CHECK(in_process([](auto& s) { s.capabilities = {"x"}; })
        == "process.capabilities[0]");
  CHECK(in_process([](auto& s) { s.oom_score_adj = 1001; })
        == "process.oom_score_adj");
  CHECK(in_process([](auto& s) { s.umask = 01000; }) == "process.umask");
  CHECK(in_process([](auto& s) { s.tty = {10, 10}; }) == "process.tty");
  CHECK(in_process([](auto& s) {
          s.stdio = stdio_mode::tty;
          s.tty.rows = 0;
        })
        == "process.tty.rows");
  CHECK(in_process([](auto& s) {
          s.stdio = stdio_mode::null;
          s.stdin_open = true;
        })
        == "process.stdin_open");
  CHECK(in_process([](auto& s) { s.log.max_size = 1; })
        == "process.log.max_size");
  CHECK(in_process([](auto& s) { s.log.max_files = 0; })
        == "process.log.max_files");
  CHECK(in_process([](auto& s) { s.restart.window = 0ms; })
        == "process.restart.window");
  CHECK(in_process([](auto& s) { s.restart.backoff_min = 31s; })
        == "process.restart.backoff_min");
  CHECK(in_process([](auto& s) { s.restart.backoff_factor = 0.5; })
        == "process.restart.backoff_factor");
  CHECK(in_process([](auto& s) { s.restart.jitter = 1.1; })
        == "process.restart.jitter");
  auto oom = end_pattern{end_cause::oom, 0, 0};
  CHECK(in_process([&](auto& s) {
          s.restart.rules = {{{}, true, {}}};
        })
        == "process.restart.rules[0].on");
  CHECK(in_process([&](auto& s) {
          s.restart.rules = {{{oom}, {}, {}}};
        })
        == "process.restart.rules[0]");
  CHECK(in_process([&](auto& s) {
          s.restart.rules = {{{oom}, true, {}}, {{oom}, false, 1}};
        })
        == "process.restart.rules[1].max_restarts");
  CHECK(in_process([&](auto& s) {
          s.restart.rules = {{{oom}, {}, 6}};
        })
        == "process.restart.rules[0].max_restarts");
  CHECK(in_process([&](auto& s) { s.restart.rules = {{{oom}, {}, 5}}; }) == "");
  CHECK(in_process([](auto& s) { s.stop_signal = "SIGNOPE"; })
        == "process.stop_signal");
  CHECK(in_process(
            [](auto& s) { s.stop_grace = std::chrono::milliseconds::max(); })
        == "process.stop_grace");
}

TEST_CASE("validate: what a process needs, and how it is ready",
          "[config][unit]") {
  CHECK(in_process([](auto& s) { s.after = {"a b"}; }) == "process.after[0]");
  CHECK(in_process([](auto& s) { s.after = {"p"}; }) == "process.after[0]");
  CHECK(in_process([](auto& s) {
          s.after = {"q", "r", "q"};
        })
        == "process.after[2]");
  CHECK(in_process([](auto& s) { s.after = {"q", "r"}; }) == "");
  CHECK(in_process([](auto& s) { s.after_timeout = 0ms; })
        == "process.after_timeout");
  CHECK(in_process([](auto& s) { s.group = "a/b"; }) == "process.group");
  CHECK(in_process([](auto& s) { s.ready.emplace(); }) == "process.ready");
  CHECK(in_process([](auto& s) { s.ready = readiness{.fd = 3, .port = 80}; })
        == "process.ready");
  CHECK(
      in_process([](auto& s) { s.ready = readiness{.port = 80, .exit = true}; })
      == "process.ready");
  CHECK(in_process([](auto& s) { s.ready = readiness{.exit = true}; }) == "");
  for (auto fd : {0U, 2U, 256U})
    CHECK(in_process([fd](auto& s) { s.ready = readiness{.fd = fd}; })
          == "process.ready.fd");
  CHECK(
      in_process([](auto& s) { s.ready = readiness{.port = std::uint16_t{0}}; })
      == "process.ready.port");
  CHECK(in_process([](auto& s) { s.ready = readiness{.command = {""}}; })
        == "process.ready.command");
  CHECK(in_process([](auto& s) {
          s.ready = readiness{.command = {"x", std::string(1, '\0')}};
        })
        == "process.ready.command[1]");
  CHECK(
      in_process([](auto& s) { s.ready = readiness{.fd = 3, .timeout = 0ms}; })
      == "process.ready.timeout");
  CHECK(
      in_process([](auto& s) { s.ready = readiness{.fd = 3, .interval = 9ms}; })
      == "process.ready.interval");
  CHECK(in_process([](auto& s) { s.ready = readiness{.fd = 255}; }) == "");
}

TEST_CASE("validate: needs lead to processes of the container, and not back",
          "[config][unit]") {
  auto with = [](std::vector<std::pair<std::string, std::string>> needs) {
    auto spec = good_container();
    spec.processes.clear();
    for (const auto& [id, after] : needs) {
      auto& one = spec.processes.emplace_back(good_process());
      one.id = id;
      for (auto letter : after)
        one.after.emplace_back(1, letter);
    }
    return problem(spec);
  };
  CHECK(with({{"a", "b"}, {"b", "c"}, {"c", ""}}) == "");
  CHECK(with({{"a", ""}, {"b", "ax"}})
        == "container.processes[1].after[1]: needs \"x\"; expected a process "
           "of this container that does not wait for this one");
  CHECK(with({{"a", ""}, {"b", "ad"}, {"c", "b"}, {"d", "ac"}})
        == "container.processes[1].after[1]: needs itself: b, d, c, b; "
           "expected a process of this container that does not wait for this "
           "one");
}

TEST_CASE("validate: arguments are bounded one by one and together",
          "[config][unit]") {
  auto spec = good_process();
  // "x\0", the string and its NUL make exactly 128 KiB.
  spec.argv = {"x", std::string(131069, 'a')};
  CHECK(problem(spec).empty());
  spec.env = {"A="};
  CHECK(problem(spec)
        == "process.argv: argv and env take 131075 bytes, a NUL after each "
           "string included; expected at most 131072");
  spec.argv = {"x", std::string(131072, 'a')};
  CHECK(problem(spec)
        == "process.argv[1]: found 131072 bytes; expected at most 131071");
}

TEST_CASE("validate: refuses what is wrong in the daemon's configuration",
          "[config][unit]") {
  CHECK(in_daemon([](auto& c) { c.state_dir = "x"; }) == "daemon.state_dir");
  CHECK(in_daemon([](auto& c) { c.run_dir = c.state_dir; })
        == "daemon.run_dir");
  CHECK(in_daemon([](auto& c) { c.run_dir = '/' + std::string(96, 'x'); })
        == "daemon.run_dir");
  CHECK(in_daemon([](auto& c) { c.socket = '/' + std::string(107, 'x'); })
        == "daemon.socket");
  CHECK(in_daemon([](auto& c) { c.socket_group = "a b"; })
        == "daemon.socket_group");
  CHECK(in_daemon([](auto& c) {
          c.admit_uids = {0, 0xffffffff};
        })
        == "daemon.admit_uids[1]");
  for (auto parent : {"/a", "a/..", "a//b", "a/"}) {
    INFO(parent);
    CHECK(in_daemon([&](auto& c) { c.cgroup_parent = parent; })
          == "daemon.cgroup_parent");
  }
  CHECK(in_daemon([](auto& c) { c.cgroup_parent = "a.slice/b"; }).empty());
  CHECK(in_daemon([](auto& c) { c.pool_size = 1025; }) == "daemon.pool_size");
  CHECK(in_daemon([](auto& c) { c.ids.first = 1; }) == "daemon.ids.first");
  CHECK(in_daemon([](auto& c) { c.ids.first = 0; }) == "daemon.ids.first");
  CHECK(in_daemon([](auto& c) { c.ids.count = 0; }) == "daemon.ids.count");
  CHECK(in_daemon([](auto& c) { c.ids.count = 65536; }) == "daemon.ids.count");
  CHECK(in_daemon([](auto& c) { c.ids = {65536 * 65534U, 1, "/r"}; }).empty());
  CHECK(in_daemon([](auto& c) {
          c.ids = {65536 * 65535U, 1, "/r"};
        })
        == "daemon.ids.count");
  CHECK(in_daemon([](auto& c) { c.ids.registry = ""; })
        == "daemon.ids.registry");
  CHECK(in_daemon([](auto& c) { c.log.sink = log_sink::file; })
        == "daemon.log.path");
  CHECK(in_daemon([](auto& c) { c.log.path = "/l"; }) == "daemon.log.path");
  CHECK(in_daemon([](auto& c) { c.holder_path = "h"; })
        == "daemon.holder_path");
  CHECK(in_daemon([](auto& c) { c.revival.window = 0ms; })
        == "daemon.revival.window");
  CHECK(in_daemon([](auto& c) { c.revival.backoff_min = 6min; })
        == "daemon.revival.backoff_max");
  CHECK(in_daemon([](auto& c) { c.deadlines.kill = 0ms; })
        == "daemon.deadlines.kill");
}
