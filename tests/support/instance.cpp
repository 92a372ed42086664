// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/instance.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/host_snapshot.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace reeve::tests {

using namespace supervisor;

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
  destroy_all();
  go_down();
  system_.reset();
  std::error_code err;
  std::filesystem::remove_all(root_, err);
  CHECK(err.message() == std::error_code{}.message());
}

void instance::restart() {
  go_down();
  come_up();
}

void instance::go_down() {
  hang_up();
  runtime_.reset();
}

void instance::come_up() {
  auto started = runtime::start(*system_, config_);
  if (!started)
    throw std::runtime_error(to_string(started.error()));
  runtime_ = std::move(*started);
  talk_to(*system_, runtime_->api());
  note_groups_of(::getpid());
}

} // namespace reeve::tests
