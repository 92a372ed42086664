// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/instance.hpp"

#include "actors/error.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <utility>

namespace reeve::tests {

using namespace supervisor;

bool is_root() {
  if (::geteuid() == 0)
    return true;
  WARN("not root: nothing was tested");
  return false;
}

instance::instance(unsigned pool_size) {
  std::string path = "/tmp/reeve-test-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    throw std::runtime_error("mkdtemp");
  root_ = path;
  // Containers walk through it with ids of their own.
  std::filesystem::permissions(root_, std::filesystem::perms{0711});
  config_ = config::with_root({}, root_);
  config_.pool_size = pool_size;
  config_.log.level = config::log_level::warning;
  if (const char* level = std::getenv("REEVE_TEST_LOG"))
    if (std::string{level} == "debug")
      config_.log.level = config::log_level::debug;
  config_.holder_path = REEVE_TEST_HOLDER;
  add_message_types(system_config_);
  system_config_.set("scheduler.max-threads", 4);
  system_config_.set("logger.console", caf::atom("none"));
  system_ = std::make_unique<caf::actor_system>(system_config_);
  come_up();
}

instance::~instance() {
  if (runtime_) {
    caf::scoped_actor self{*system_};
    container_list all;
    self->request(runtime_->api(), limit, list_containers{})
        .receive([&](container_list& list) { all = std::move(list); },
                 [](const caf::error&) {});
    for (const auto& item : all.containers)
      self->request(runtime_->api(), limit,
                    destroy_container{item.container, true, 0})
          .receive([](const container_is&) {}, [](const caf::error&) {});
  }
  go_down();
  system_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void instance::restart() {
  go_down();
  come_up();
}

void instance::go_down() {
  runtime_.reset();
}

void instance::come_up() {
  auto started = runtime::start(*system_, config_);
  if (!started)
    throw std::runtime_error(to_string(started.error()));
  runtime_ = std::move(*started);
}

std::string instance::text(const caf::error& err) {
  return actors::text_of(err);
}

void instance::fail(const std::string& problem) {
  FAIL(problem);
  std::abort(); // FAIL throws
}

config::container_spec instance::spec(const std::string& name) {
  config::container_spec out;
  out.name = name;
  out.image = "busybox";
  return out;
}

config::process_spec instance::process(const std::string& id,
                                       std::vector<std::string> argv) {
  config::process_spec out;
  out.id = id;
  out.argv = std::move(argv);
  out.stop_grace = std::chrono::milliseconds{500};
  return out;
}

void instance::create(const std::string& name) {
  create(spec(name));
}

void instance::create(const config::container_spec& what) {
  ask<container_created>(create_container{0, what, false});
}

void instance::destroy(const std::string& name) {
  ask<container_is>(destroy_container{name, true, 0});
}

process_started instance::run(const std::string& container,
                              const config::process_spec& what) {
  return ask<process_started>(run_process{0, container, what, false});
}

instance::outcome instance::shell(const std::string& container,
                                  const std::string& script) {
  static std::atomic<unsigned> number{0};
  return run_to_end(container, process("shell-" + std::to_string(++number),
                                       {"/bin/sh", "-c", script}));
}

instance::outcome instance::run_to_end(const std::string& container,
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

process_info instance::process_of(const std::string& container,
                                  const std::string& process) {
  for (auto& item : ask<container_details>(get_container{container}).processes)
    if (item.process == process)
      return item;
  fail("container '" + container + "' has no process '" + process + "'");
}

process_info instance::wait(const std::string& container,
                            const std::string& process) {
  return ask<process_is>(wait_process{container, process, 30'000}).info;
}

std::string instance::output(const std::string& container,
                             const std::string& process,
                             output_stream_id stream) {
  std::string out;
  for (;;) {
    read_output query{container,   process, stream, out.size(),
                      1024 * 1024, 10'000,  false};
    auto chunk = ask<output_chunk>(query);
    out += chunk.bytes;
    if (chunk.at_end || chunk.bytes.empty())
      return out;
  }
}

void eventually(const std::string& what, const std::function<bool()>& holds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline)
      FAIL("it did not happen: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
}

} // namespace reeve::tests
