// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The smallest use of the library. README.md quotes the part between the marks
// (scripts/check-documents compares).

#include "actors/error.hpp"
#include "supervisor/runtime.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <iostream>

using namespace reeve;
using namespace reeve::supervisor;
using namespace std::chrono_literals;

namespace {

// -- README
// With config::with_root({}, "/tmp/my-service"), for example.
int hello(const config::daemon_config& cfg) {
  caf::actor_system_config sys_cfg;
  add_message_types(sys_cfg);
  caf::actor_system sys{sys_cfg};
  auto rt = runtime::start(sys, cfg);
  if (!rt) {
    std::cerr << to_string(rt.error()) << '\n';
    return 1;
  }
  config::container_spec spec;
  spec.name = "hello";
  spec.image = "busybox";
  spec.remove_on_exit = true;
  config::process_spec job;
  job.id = "job";
  job.argv = {"echo", "hello from a container"};
  spec.processes.push_back(job);
  auto failed = [](const caf::error& err) {
    std::cerr << actors::text_of(err) << '\n';
  };
  caf::scoped_actor self{sys};
  self->request((*rt)->api(), 30s, create_container{0, spec})
      .receive([](const container_created&) {}, failed);
  read_output query{"hello", "job"};
  query.wait_ms = 1000;
  self->request((*rt)->api(), 30s, query)
      .receive([](const output_chunk& got) { std::cout << got.bytes; }, failed);
  (*rt)->stop(farewell::stop);
  return 0;
}
// -- end of README

} // namespace

int main(int argc, char** argv) {
  if (argc != 2)
    return 2;
  auto cfg = config::with_root({}, argv[1]);
  cfg.holder_path = SHOP_HOLDER;
  cfg.log.level = config::log_level::warning;
  return hello(cfg);
}
