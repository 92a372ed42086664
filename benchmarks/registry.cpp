// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The scenarios and what each is held against.

#include "benchmarks/scenario.hpp"

#include <algorithm>
#include <stdexcept>

namespace reeve::bench {

registry::registry()
    : scenarios_{
        {"exec", "exec", "start busybox true in a container, to its exit",
         floor_kind::exec, peer_command::exec},
        {"create_warm", "create", "create a container from a warm pool",
         floor_kind::create_warm, peer_command::run},
        {"create_cold", "create", "create a container without the pool",
         floor_kind::create_cold, peer_command::run},
        {"destroy", "destroy",
         "destroy a container with nothing but its holder", floor_kind::destroy,
         peer_command::remove},
        {"set", "limits", "change the memory limit of a container",
         floor_kind::set, peer_command::update},
        {"stats", "limits", "read what each of N containers uses", std::nullopt,
         std::nullopt},
        {"restart", "restart",
         "from the death of a permanent process to the exec of the next one",
         floor_kind::exec, std::nullopt, floor_kind::restart},
        {"message_in_process", "message",
         "ask a process's actor, through its container's, same process",
         floor_kind::message_in_process, std::nullopt},
        {"message_between_processes", "message",
         "the same through the socket of the daemon",
         floor_kind::message_between_processes, std::nullopt},
        {"density", "density", "what each of N idle containers costs",
         std::nullopt, std::nullopt},
        {"restart_storm", "restart_storm",
         "all processes of N containers end at once: until all run again",
         std::nullopt, std::nullopt}} {}

scenario& registry::find(std::string_view name) {
  auto it = std::find_if(scenarios_.begin(), scenarios_.end(),
                         [=](const scenario& s) { return s.name == name; });
  if (it == scenarios_.end())
    throw std::logic_error("no scenario is named " + std::string{name});
  return *it;
}

void registry::provide(std::string_view scenario, subject_factory reeve) {
  find(scenario).reeve = std::move(reeve);
}

void registry::provide_ramp(std::string_view scenario, ramp grow) {
  find(scenario).grow = std::move(grow);
}

kernel::result<std::vector<const scenario*>>
registry::select(const std::vector<std::string>& words) const {
  auto chosen = std::vector<bool>(scenarios_.size(), words.empty());
  for (const auto& word : words) {
    auto wanted = word;
    std::replace(wanted.begin(), wanted.end(), '-', '_');
    bool known = false;
    for (std::size_t i = 0; i < scenarios_.size(); ++i)
      if (scenarios_[i].name == wanted || scenarios_[i].group == wanted)
        chosen[i] = known = true;
    if (!known)
      return kernel::make_error(0, "unknown scenario", "'" + word + "'",
                                "`reeve-bench list` shows them all");
  }
  auto out = std::vector<const scenario*>{};
  for (std::size_t i = 0; i < scenarios_.size(); ++i)
    if (chosen[i])
      out.push_back(&scenarios_[i]);
  return out;
}

} // namespace reeve::bench
