// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/auto_stop.hpp"

#include <algorithm>

namespace reeve::supervisor {

namespace {

bool is_significant(const process_standing& process) {
  return process.weight == significance::significant;
}

bool ended_by_itself(const process_standing& process) {
  if (!is_significant(process))
    return false;
  if (process.phase == process_phase::gave_up)
    return true;
  return process.phase == process_phase::exited
         && process.last != exit_kind::stopped;
}

bool is_awaited(const process_standing& process) {
  return is_significant(process)
         && (is_live(process.phase) || process.phase == process_phase::created);
}

} // namespace

bool should_stop(auto_stop rule, std::span<const process_standing> processes) {
  switch (rule) {
  case auto_stop::never:
    return false;
  case auto_stop::any_significant:
    return std::ranges::any_of(processes, ended_by_itself);
  case auto_stop::all_significant:
    return std::ranges::any_of(processes, ended_by_itself)
           && std::ranges::none_of(processes, is_awaited);
  }
  return false;
}

} // namespace reeve::supervisor
