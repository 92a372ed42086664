// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/serialize.hpp"

#include "config/fields.hpp"
#include "config/parse.hpp"
#include "config/units.hpp"
#include "config/validate.hpp"
#include "tests/support/catch.hpp"

using namespace reeve::config;
using namespace std::chrono_literals;

namespace {

process_spec full_process() {
  auto spec = process_spec{};
  spec.id = "p";
  spec.argv = {"/bin/sh", "-c", "\"\\\n\t\x01\x7f\xc3\xa9"};
  spec.env = {"B=2", "A=1", "C="};
  spec.cwd = "/srv";
  spec.user = "a:b";
  spec.groups = {"video", "27"};
  spec.rlimits = {
      {"nofile", {1024, 4096}},
      {"core", {0, rlimit_pair::unlimited}},
      {"fsize", {rlimit_pair::unlimited - 1, rlimit_pair::unlimited}}};
  spec.capabilities = {"CHOWN", "CAP_KILL"};
  spec.no_new_privs = false;
  spec.oom_score_adj = -17;
  spec.umask = 0;
  spec.stdio = stdio_mode::tty;
  spec.tty = {1, 2};
  spec.stdin_open = true;
  spec.log = {log_mode::none, 4097, 9, log_overflow::drop,
              log_forward::standard_output};
  spec.restart = {
      restart_type::transient, 7, 1s, 2ms, 3h, 1.1, 0.3, 1234ms, {}};
  spec.restart.rules = {
      {{{end_cause::exit, 64, 64}, {end_cause::exit, 1, 9}}, false, {}},
      {{{end_cause::signal, 11, 11}, {end_cause::signal, 34, 34}}, true, {}},
      {{{end_cause::oom, 0, 0}, {end_cause::start_failed, 0, 0}}, {}, 2},
      {{{end_cause::exit, 0, 255}, {end_cause::signal, 1, 64}}, true, 1}};
  spec.after = {"b", "a"};
  spec.after_timeout = 9s;
  spec.ready = readiness{7, 80, {"x", "y z"}, true, 8s, 70ms};
  spec.group = "g";
  spec.significant = true;
  spec.stop_signal = "SIGRTMIN+3";
  spec.stop_grace = 1500ms;
  return spec;
}

container_spec full_container() {
  auto spec = container_spec{};
  spec.name = "a/b";
  spec.image = "img";
  spec.rootfs = "/r";
  spec.readonly_root = true;
  spec.hostname = "h";
  spec.properties = {{"k", "v"}, {"a.\"b", ""}};
  spec.limits = {limit_value<std::uint64_t>::unlimited(), 0.1, 55, {}};
  auto other = namespace_choice{namespace_mode::join, "x/y"};
  auto host = namespace_choice{namespace_mode::host, {}};
  spec.namespaces = {other, host, other, host, host, other, host, other};
  spec.privileged = true;
  spec.capabilities = {};
  spec.cap_add = {"ALL"};
  spec.cap_drop = {"BPF"};
  spec.seccomp = seccomp_profile::unconfined;
  spec.masked_paths = {"/x"};
  spec.readonly_paths = {};
  spec.on_holder_death = holder_death::rebuild;
  spec.auto_stop = auto_stop::any_significant;
  spec.supervision = {restart_strategy::rest_for_one,
                      gave_up_action::rebuild_container,
                      9,
                      8,
                      7s,
                      gave_up_action::ignore};
  spec.on_owner_loss = {owner_loss::stop, 1ms};
  spec.remove_on_exit = true;
  spec.weak = true;
  spec.boot = true;
  spec.processes = {full_process(), process_spec{}};
  spec.processes[1].stop_grace = longest_duration;
  return spec;
}

/// So that a field added to a struct is also added to the test.
template <class T>
void check_differs_everywhere(const T& spec, const T& defaults) {
  auto check = [&](const auto& f) {
    INFO(f.key);
    CHECK_FALSE(spec.*(f.member) == defaults.*(f.member));
    if constexpr (described<std::remove_cvref_t<decltype(spec.*(f.member))>>)
      check_differs_everywhere(spec.*(f.member), defaults.*(f.member));
  };
  std::apply([&](const auto&... f) { (check(f), ...); }, fields<T>);
}

} // namespace

TEST_CASE("to_json: every field of a process survives", "[config][unit]") {
  check_differs_everywhere(full_process(), process_spec{});
  CHECK(parse_process_spec(to_json(full_process()), "p.json")
        == full_process());
}

TEST_CASE("to_json: every field of a container survives", "[config][unit]") {
  check_differs_everywhere(full_container(), container_spec{});
  CHECK(parse_container_spec(to_json(full_container()), "c.json")
        == full_container());
}

TEST_CASE("to_json: leaves out what equals its default", "[config][unit]") {
  CHECK(to_json(container_spec{}) == "{}");
  auto spec = container_spec{};
  spec.name = "a";
  spec.limits.memory_bytes = 64U << 20U;
  spec.processes.push_back({});
  spec.processes[0].argv = {"x"};
  CHECK(to_json(spec)
        == R"({"name":"a","limits":{"memory":"64M"},)"
           R"("processes":[{"argv":["x"]}]})");
}

TEST_CASE("to_json: an absent limit is told from its default",
          "[config][unit]") {
  auto spec = container_spec{};
  spec.limits.pids = {};
  CHECK(to_json(spec) == R"({"limits":{"pids":null}})");
  CHECK(parse_container_spec(to_json(spec), "c.json") == spec);
}
