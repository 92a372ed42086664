// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/api_client.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/patience.hpp"

#include <atomic>
#include <cstdlib>
#include <thread>
#include <utility>

namespace reeve::tests {

using namespace supervisor;

void api_client::talk_to(caf::actor_system& sys, local_api_actor api) {
  system_ = &sys;
  api_ = std::move(api);
}

void api_client::hang_up() {
  api_ = nullptr;
}

void api_client::destroy_all() {
  if (!api_)
    return;
  caf::scoped_actor self{*system_};
  container_list all;
  self->request(api_, limit, list_containers{})
      .receive([&](container_list& list) { all = std::move(list); },
               [](const caf::error& err) { FAIL_CHECK(text(err)); });
  for (const auto& item : all.containers)
    if (config::parent_of(item.container).empty()) // the others go with theirs
      self->request(api_, limit, destroy_container{item.container, true, 0})
          .receive([](const container_is&) {},
                   [](const caf::error& err) { FAIL_CHECK(text(err)); });
}

bool api_client::says_of_failure(const caf::error& err) {
  return actors::says_of_failure(err);
}

std::string api_client::text(const caf::error& err) {
  return actors::text_of(err);
}

void api_client::fail(const std::string& problem) {
  FAIL(problem);
  std::abort(); // FAIL throws
}

config::container_spec api_client::spec(const std::string& name) {
  config::container_spec out;
  out.name = name;
  out.image = "busybox";
  return out;
}

config::process_spec api_client::process(const std::string& id,
                                         std::vector<std::string> argv) {
  config::process_spec out;
  out.id = id;
  out.argv = std::move(argv);
  out.stop_grace = std::chrono::milliseconds{500};
  return out;
}

config::process_spec api_client::sleeper(const std::string& id) {
  return process(id, {"sleep", "1000"});
}

config::process_spec api_client::counter(const std::string& id) {
  return process(id, {"sh", "-c",
                      "i=0; while true; do echo $i; i=$((i+1)); sleep 0.001; "
                      "done"});
}

void api_client::create(const std::string& name) {
  create(spec(name));
}

void api_client::create(const config::container_spec& what) {
  ask<container_created>(create_container{0, what, false});
}

void api_client::destroy(const std::string& name) {
  ask<container_is>(destroy_container{name, true, 0});
}

process_started api_client::run(const std::string& container,
                                const config::process_spec& what) {
  return ask<process_started>(run_process{0, container, what, false});
}

api_client::outcome api_client::shell(const std::string& container,
                                      const std::string& script) {
  static std::atomic<unsigned> number{0};
  return run_to_end(container, process("shell-" + std::to_string(++number),
                                       {"/bin/sh", "-c", script}));
}

api_client::outcome api_client::run_to_end(const std::string& container,
                                           config::process_spec what) {
  auto id = what.id;
  run(container, what);
  outcome out;
  out.reason = wait(container, id).last;
  out.out = output(container, id);
  out.err = output(container, id, output_stream_id::err);
  ask<process_is>(remove_process{container, id});
  return out;
}

container_details api_client::details_of(const std::string& container) {
  return ask<container_details>(get_container{container});
}

container_phase api_client::phase_of(const std::string& container) {
  return details_of(container).info.phase;
}

process_info api_client::process_of(const std::string& container,
                                    const std::string& process) {
  std::string others;
  const auto all = details_of(container);
  for (const auto& item : all.processes) {
    if (item.process == process)
      return item;
    others += " '" + item.process + "'";
  }
  fail("among the processes of '" + container + "' is no '" + process
       + "', only" + others);
}

process_info api_client::wait(const std::string& container,
                              const std::string& process) {
  return ask<process_is>(wait_process{container, process, 30'000}).info;
}

std::string api_client::output(const std::string& container,
                               const std::string& process,
                               output_stream_id stream) {
  std::string out;
  for (;;) {
    read_output query;
    query.container = container;
    query.process = process;
    query.stream = stream;
    query.offset = out.size();
    query.wait_ms = 10'000;
    auto chunk = ask<output_chunk>(query);
    out += chunk.bytes;
    if (chunk.at_end || chunk.bytes.empty())
      return out;
  }
}

std::string api_client::output_so_far(const std::string& container,
                                      const std::string& process) {
  std::string out;
  for (;;) {
    read_output query;
    query.container = container;
    query.process = process;
    query.offset = out.size();
    auto chunk = ask<output_chunk>(query);
    if (chunk.offset != out.size())
      fail("the oldest output is gone");
    out += chunk.bytes;
    if (chunk.bytes.empty())
      return out;
  }
}

std::vector<std::string> api_client::container_names() {
  std::vector<std::string> out;
  for (auto& item : ask<container_list>(list_containers{}).containers)
    out.push_back(std::move(item.container));
  return out;
}

void eventually(const std::string& what, const std::function<bool()>& holds,
                std::chrono::seconds limit) {
  eventually(
      what, holds, [] { return std::string{}; }, limit);
}

void eventually(const std::string& what, const std::function<bool()>& holds,
                const std::function<std::string()>& instead,
                std::chrono::seconds limit) {
  auto deadline = std::chrono::steady_clock::now() + patiently(limit);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline)
      FAIL("it did not happen: " << what << "; " << instead());
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
}

} // namespace reeve::tests
