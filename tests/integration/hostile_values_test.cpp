// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Every message of the API with values that no console would send.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/patience.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();

enum class expected { refusal, answer, either };

/// Asks, and looks at how the answer comes: soon, and if it is a refusal, in
/// one short line that a terminal can show.
class inquirer {
public:
  explicit inquirer(api_client& reeve) : reeve_(reeve) {}

  template <class Reply, class Request>
  void ask(const std::string& what, const Request& request, expected how) {
    INFO(what);
    auto start = std::chrono::steady_clock::now();
    auto text = reeve_.complaint<Reply>(request);
    auto took = std::chrono::steady_clock::now() - start;
    INFO(text.substr(0, 1000));
    CHECK(took < patiently(10s));
    if (how != expected::either)
      CHECK(text.empty() == (how == expected::answer));
    CHECK(text.size() < 1000);
    CHECK(std::all_of(text.begin(), text.end(),
                      [](unsigned char c) { return c >= 0x20 && c < 0x7f; }));
    CHECK(text.find("no answer within") == std::string::npos);
    CHECK(text.find("receiver has gone") == std::string::npos);
    CHECK(text.find("without a text") == std::string::npos);
  }

  template <class Reply, class Request>
  void refused(const std::string& what, const Request& request) {
    ask<Reply>(what, request, expected::refusal);
  }

  template <class Reply, class Request>
  void answered(const std::string& what, const Request& request) {
    ask<Reply>(what, request, expected::answer);
  }

private:
  api_client& reeve_;
};

/// Neither container nor process may be called so.
std::vector<std::string> bad_names() {
  constexpr auto mebibyte = std::size_t{1} << 20U;
  std::string deep;
  while (deep.size() < mebibyte)
    deep += "a/";
  return {"",
          " ",
          "/",
          "..",
          "../../etc",
          "web/",
          "web\n",
          "\x1b[2J",
          std::string{"web\0", 4},
          std::string{"web\0web", 7},
          "\xff\xfe",
          "w\xc3\xa9"
          "b",
          std::string(mebibyte, 'x'),
          std::string(mebibyte, '\xff'),
          deep};
}

std::string shown(const std::string& name) {
  return "name of " + std::to_string(name.size())
         + " bytes: " + name.substr(0, 20);
}

config::process_spec counting(const std::string& id) {
  return api_client::sleeper(id);
}

config::process_spec with_tty(const std::string& id) {
  auto out = api_client::sleeper(id);
  out.stdio = config::stdio_mode::tty;
  return out;
}

// A container with one process of each kind.
void furnish(api_client& reeve) {
  reeve.create("web");
  reeve.run("web", counting("runs"));
  reeve.run("web", with_tty("tty"));
  auto cat = api_client::process("cat", {"cat"});
  cat.stdin_open = true;
  reeve.run("web", cat);
  auto null = counting("null");
  null.stdio = config::stdio_mode::null;
  reeve.run("web", null);
  auto over = with_tty("over");
  over.argv = {"true"};
  over.stdin_open = true;
  reeve.run("web", over);
  reeve.wait("web", "over");
}

// Nothing half-made, and what runs has not noticed.
void check_unharmed(api_client& reeve) {
  CHECK(reeve.container_names() == std::vector<std::string>{"web"});
  for (const auto* id : {"runs", "tty", "cat", "null"}) {
    auto info = reeve.process_of("web", id);
    CHECK(info.phase == process_phase::running);
    CHECK(is_alive(info.pid));
  }
  CHECK(reeve.details_of("web").processes.size() == 5);
  CHECK(reeve.shell("web", "echo works").out == "works\n");
}

void name_containers(api_client& reeve) {
  inquirer all{reeve};
  for (const auto& name : bad_names()) {
    INFO(shown(name));
    all.refused<container_is>("destroy", destroy_container{name, true, 0});
    all.refused<container_is>("start", start_container{name});
    all.refused<container_is>("stop", stop_container{name, 0});
    all.refused<container_is>("pause", pause_container{name});
    all.refused<container_is>("resume", resume_container{name});
    all.refused<process_started>("run",
                                 run_process{0, name, counting("p"), false});
    all.refused<process_started>("start process", start_process{name, "runs"});
    all.refused<process_is>("stop process", stop_process{name, "runs", 0});
    all.refused<process_is>("remove process", remove_process{name, "over"});
    all.refused<process_is>("signal",
                            signal_process{name, "runs", SIGTERM, false});
    all.refused<process_is>("resize", resize_terminal{name, "tty", 24, 80});
    all.refused<process_is>("write", write_input{name, "cat", "x", false});
    all.refused<output_chunk>("read", read_output{name, "runs"});
    all.refused<process_is>("wait", wait_process{name, "runs", 0});
    all.refused<limits_in_force>("set",
                                 set_limits{name, {{"pids.limit", "9"}}});
    all.refused<limits_in_force>("get", get_limits{name, {}});
    all.refused<container_details>("details", get_container{name});
    all.answered<container_list>("list", list_containers{name, {{name, name}}});
    CHECK(reeve.ask<container_list>(list_containers{name, {{name, name}}})
              .containers.empty());
    auto spec = api_client::spec(name);
    all.refused<container_created>("create", create_container{0, spec, false});
    spec = api_client::spec("new");
    spec.image = name;
    all.refused<container_created>("image", create_container{0, spec, false});
    spec.image.reset();
    spec.rootfs = name;
    all.ask<container_created>("rootfs", create_container{0, spec, false},
                               name == "/" ? expected::either
                                           : expected::refusal);
    if (name == "/")
      all.ask<container_is>("rootfs /", destroy_container{"new", true, 0},
                            expected::either);
  }
}

void name_processes(api_client& reeve) {
  inquirer all{reeve};
  for (const auto& name : bad_names()) {
    INFO(shown(name));
    all.refused<process_started>("run",
                                 run_process{0, "web", counting(name), false});
    all.refused<process_started>("start", start_process{"web", name});
    all.refused<process_is>("stop", stop_process{"web", name, 0});
    all.refused<process_is>("remove", remove_process{"web", name});
    all.refused<process_is>("signal",
                            signal_process{"web", name, SIGTERM, false});
    all.refused<process_is>("resize", resize_terminal{"web", name, 24, 80});
    all.refused<process_is>("write", write_input{"web", name, "x", false});
    all.refused<output_chunk>("read", read_output{"web", name});
    all.refused<process_is>("wait", wait_process{"web", name, 0});
    auto spec = counting("p");
    spec.user = name;
    all.refused<process_started>("user", run_process{0, "web", spec, false});
    spec = counting("p");
    spec.argv = {name};
    all.refused<process_started>("argv", run_process{0, "web", spec, false});
    spec = counting("p");
    spec.stop_signal = name;
    all.refused<process_started>("signal", run_process{0, "web", spec, false});
    all.refused<limits_in_force>("limit", set_limits{"web", {{name, "1"}}});
    all.refused<limits_in_force>("value",
                                 set_limits{"web", {{"pids.limit", name}}});
    all.refused<limits_in_force>("get", get_limits{"web", {name}});
  }
}

void exaggerate(api_client& reeve) {
  inquirer all{reeve};
  for (auto signo : {0, -1, 65, std::numeric_limits<int>::min(),
                     std::numeric_limits<int>::max()})
    for (auto group : {false, true})
      all.refused<process_is>("signal " + std::to_string(signo),
                              signal_process{"web", "runs", signo, group});
  for (std::uint16_t size : {0, 65535}) {
    all.answered<process_is>("resize",
                             resize_terminal{"web", "tty", size, size});
    for (const auto* id : {"runs", "null", "over"})
      all.refused<process_is>(std::string{"resize "} + id,
                              resize_terminal{"web", id, size, size});
  }
  auto mebibyte = std::string(std::size_t{1} << 20U, '\xff');
  for (auto end : {false, true})
    for (const auto* id : {"over", "null", "runs"})
      all.refused<process_is>(std::string{"write "} + id,
                              write_input{"web", id, mebibyte, end});
  all.answered<process_is>("write", write_input{"web", "cat", mebibyte, false});
  all.answered<process_is>("write", write_input{"web", "cat", "", false});
  for (auto stream : {0, 3, 255}) {
    read_output query{"web", "runs"};
    query.stream = static_cast<output_stream_id>(stream);
    all.refused<output_chunk>("stream " + std::to_string(stream), query);
  }
  for (const auto* id : {"runs", "tty", "cat", "null", "over"})
    for (auto wait : {least, std::int64_t{-1}, std::int64_t{0}})
      for (std::uint32_t max : {0U, ~0U})
        for (std::uint64_t offset : {std::uint64_t{0}, ~std::uint64_t{0}}) {
          read_output query{"web", id};
          query.max = max;
          query.offset = offset;
          query.wait_ms = wait;
          query.reader = offset;
          query.follow = offset == 0;
          all.answered<output_chunk>(std::string{"read "} + id, query);
          query.follow = false; // or the others would wait for this reader
          all.answered<output_chunk>(std::string{"read "} + id, query);
        }
  for (auto wait : {least, std::int64_t{-1}, std::int64_t{0}}) {
    all.answered<process_is>("wait", wait_process{"web", "runs", wait});
    all.answered<event_batch>("events", get_events{~0ULL, ~0U, wait});
    all.answered<event_batch>("events", get_events{0, 0, wait});
  }
  all.answered<process_is>("wait", wait_process{"web", "over", most});
  all.answered<event_batch>("events", get_events{0, ~0U, most});
  all.answered<image_list>("images", list_images{});
  all.answered<daemon_info>("daemon", get_daemon{});
  for (const auto* key : {"memory.limit", "cpu.limit", "pids.limit"})
    for (const auto* value : {"-1", "1e999", "nan", "18446744073709551616"})
      all.refused<limits_in_force>(std::string{key} + "=" + value,
                                   set_limits{"web", {{key, value}}});
}

template <class Change>
void try_process(inquirer& all, const char* what, Change change,
                 expected how = expected::refusal) {
  auto spec = counting("p");
  change(spec);
  all.ask<process_started>(what, run_process{~0ULL, "web", spec, false}, how);
}

void overdo_specs(api_client& reeve) {
  using ms = std::chrono::milliseconds;
  constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  inquirer all{reeve};
  for (auto time : {least, std::int64_t{-1}, most}) {
    try_process(all, "stop_grace", [&](auto& s) { s.stop_grace = ms{time}; });
    try_process(all, "window", [&](auto& s) { s.restart.window = ms{time}; });
    try_process(all, "reset_after",
                [&](auto& s) { s.restart.reset_after = ms{time}; });
    try_process(all, "backoff_min",
                [&](auto& s) { s.restart.backoff_min = ms{time}; });
    try_process(all, "backoff_max",
                [&](auto& s) { s.restart.backoff_max = ms{time}; });
    auto spec = api_client::spec("new");
    spec.on_owner_loss.grace = ms{time};
    all.refused<container_created>("grace", create_container{0, spec, false});
  }
  for (auto number : {nan, infinity, -infinity, -1.0, 1e300}) {
    try_process(all, "backoff_factor",
                [&](auto& s) { s.restart.backoff_factor = number; });
    try_process(all, "jitter", [&](auto& s) { s.restart.jitter = number; });
    auto spec = api_client::spec("new");
    spec.limits.cpus = number;
    all.refused<container_created>("cpus", create_container{0, spec, false});
  }
  try_process(all, "oom", [](auto& s) { s.oom_score_adj = 1 << 30; });
  try_process(all, "umask", [](auto& s) { s.umask = ~0U; });
  try_process(all, "log", [](auto& s) { s.log.max_files = ~0U; });
  try_process(all, "log", [](auto& s) { s.log.max_size = 0; });
  try_process(all, "user", [](auto& s) { s.user = "4294967295"; });
  try_process(all, "rlimit", [](auto& s) { s.rlimits["nofile"] = {2, 1}; });
  try_process(all, "terminal", [](auto& s) {
    s.stdio = config::stdio_mode::tty;
    s.tty = {0, 0};
  });
  try_process(all, "env", [](auto& s) { s.env = {"=x"}; });
  try_process(all, "environment",
              [](auto& s) { s.env = {"A=" + std::string(1 << 20, 'x')}; });
  try_process(all, "arguments", [](auto& s) { s.argv.resize(1 << 18); });
}

void all_of_it(api_client& reeve) {
  furnish(reeve);
  name_containers(reeve);
  name_processes(reeve);
  exaggerate(reeve);
  overdo_specs(reeve);
  check_unharmed(reeve);
}

} // namespace

TEST_CASE("hostile values: each message is answered at once with a short word",
          "[integration][hostile]") {
  if (!is_root())
    return;
  SECTION("within the process") {
    instance reeve;
    all_of_it(reeve);
  }
  SECTION("through the socket") {
    daemon_process reeve;
    all_of_it(reeve);
    CHECK(is_alive(reeve.pid()));
  }
}
