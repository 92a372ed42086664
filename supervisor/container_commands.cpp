// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What may be asked of a container in which phase, and the words for it.

#include "supervisor/container_lifecycle.hpp"

namespace reeve::supervisor {

namespace {

using phase = container_phase;
using command = container_command;

std::string_view being(phase of) {
  switch (of) {
  case phase::creating:
    return "is being created";
  case phase::running:
    return "is running";
  case phase::pausing:
    return "is being paused";
  case phase::paused:
    return "is paused";
  case phase::stopping:
    return "is stopping";
  case phase::stopped:
    return "is stopped";
  case phase::rebuilding:
    return "is being rebuilt";
  case phase::failed:
    return "has failed";
  case phase::gave_up:
    return "has given up";
  case phase::held:
    return "is held by the kernel";
  case phase::destroying:
    return "is being destroyed";
  case phase::destroyed:
    return "is destroyed";
  }
  return "";
}

std::string_view way_out(const container_refusal& refusal) {
  switch (refusal.phase) {
  case phase::creating:
  case phase::rebuilding:
    return refusal.command == command::destroy ? "stop it first"
                                               : "wait until it runs";
  case phase::running:
    return "stop it first";
  case phase::pausing:
  case phase::paused:
    return refusal.command == command::destroy ? "stop it first"
                                               : "resume it first";
  case phase::stopping:
    return "wait until it has stopped";
  case phase::stopped:
  case phase::gave_up:
  case phase::failed:
    return "start it first";
  case phase::held:
    return "destroy it and use another name";
  case phase::destroying:
  case phase::destroyed:
    return "create it again";
  }
  return "";
}

} // namespace

std::string_view name_of(phase of) {
  switch (of) {
  case phase::creating:
    return "creating";
  case phase::running:
    return "running";
  case phase::pausing:
    return "pausing";
  case phase::paused:
    return "paused";
  case phase::stopping:
    return "stopping";
  case phase::stopped:
    return "stopped";
  case phase::rebuilding:
    return "rebuilding";
  case phase::failed:
    return "failed";
  case phase::gave_up:
    return "gave_up";
  case phase::held:
    return "held";
  case phase::destroying:
    return "destroying";
  case phase::destroyed:
    return "destroyed";
  }
  return "unknown";
}

std::string_view name_of(layer of) {
  switch (of) {
  case layer::cgroup:
    return "cgroup";
  case layer::holder:
    return "holder";
  case layer::file_system:
    return "file_system";
  case layer::configure:
    return "configure";
  case layer::processes:
    return "processes";
  case layer::nested:
    return "nested";
  case layer::freezer:
    return "freezer";
  }
  return "unknown";
}

bool allows(phase in, command what) {
  auto at_rest =
      in == phase::stopped || in == phase::gave_up || in == phase::failed;
  switch (what) {
  case command::stop:
  case command::destroy_forced:
    return true;
  case command::run_process:
    return in == phase::running;
  case command::set_limit:
    // At rest the limit is stored and holds from the next start.
    return at_rest || in == phase::running || in == phase::pausing
           || in == phase::paused;
  case command::pause:
  case command::resume:
    return in == phase::running || in == phase::pausing || in == phase::paused;
  case command::start:
    return at_rest || in == phase::creating || in == phase::running
           || in == phase::rebuilding;
  case command::destroy:
    return at_rest || in == phase::held || in == phase::destroying
           || in == phase::destroyed;
  }
  return false;
}

std::string explain(const container_refusal& refusal,
                    std::string_view container) {
  auto text = "container '" + std::string{container} + "' ";
  text += being(refusal.phase);
  text += ": ";
  text += way_out(refusal);
  return text;
}

} // namespace reeve::supervisor
