// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/event_log.hpp"

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

void event_log::add(event what) {
  what.seq = ++last_;
  events_.push_back(std::move(what));
  if (events_.size() > capacity_)
    events_.pop_front();
}

event_batch event_log::after(std::uint64_t seq, std::size_t max) const {
  event_batch out;
  out.last = last_;
  if (events_.empty() || seq >= last_)
    return out;
  auto first = events_.front().seq;
  auto from = std::max(seq + 1, first);
  out.gap = from - std::max(seq, base_) - 1;
  if (seq != 0 && seq < base_)
    ++out.gap;
  auto skip = static_cast<std::ptrdiff_t>(from - first);
  auto left = events_.size() - static_cast<std::size_t>(skip);
  auto begin = events_.begin() + skip;
  out.events.assign(begin,
                    begin + static_cast<std::ptrdiff_t>(std::min(left, max)));
  return out;
}

std::string_view name_of(event_kind kind) {
  switch (kind) {
  case event_kind::container_created:
    return "container_created";
  case event_kind::container_started:
    return "container_started";
  case event_kind::container_stopped:
    return "container_stopped";
  case event_kind::container_paused:
    return "container_paused";
  case event_kind::container_resumed:
    return "container_resumed";
  case event_kind::container_failed:
    return "container_failed";
  case event_kind::container_gave_up:
    return "container_gave_up";
  case event_kind::process_ready:
    return "process_ready";
  case event_kind::container_rebuilding:
    return "container_rebuilding";
  case event_kind::container_out_of_memory:
    return "container_out_of_memory";
  case event_kind::container_held:
    return "container_held";
  case event_kind::container_destroyed:
    return "container_destroyed";
  case event_kind::container_adopted:
    return "container_adopted";
  case event_kind::process_started:
    return "process_started";
  case event_kind::process_exited:
    return "process_exited";
  case event_kind::process_restarting:
    return "process_restarting";
  case event_kind::process_gave_up:
    return "process_gave_up";
  case event_kind::process_removed:
    return "process_removed";
  case event_kind::limits_changed:
    return "limits_changed";
  case event_kind::daemon_started:
    return "daemon_started";
  }
  return "";
}

} // namespace reeve::supervisor
