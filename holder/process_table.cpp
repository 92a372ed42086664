// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/process_table.hpp"

#include <algorithm>

namespace reeve::holder {

process_entry* process_table::find(std::uint64_t id) {
  for (auto& entry : entries_)
    if (entry.id == id)
      return &entry;
  return nullptr;
}

process_entry* process_table::find_pid(pid_t pid) {
  for (auto& entry : entries_)
    if (entry.pid == pid && entry.state != process_entry::phase::ended)
      return &entry;
  return nullptr;
}

bool process_table::was_forgotten(std::uint64_t id) const {
  return std::find(forgotten_.begin(), forgotten_.end(), id)
         != forgotten_.end();
}

bool process_table::has_living() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.state != process_entry::phase::ended;
  });
}

process_entry& process_table::add(std::uint64_t id) {
  auto& entry = entries_.emplace_back();
  entry.id = id;
  return entry;
}

void process_table::forget_if_done(process_entry& entry) {
  if (entry.state == process_entry::phase::ended && entry.acknowledged
      && !entry.stdin_end && !entry.stdout_end && !entry.stderr_end
      && !entry.master)
    forget(entry);
}

void process_table::bound_failures(std::size_t most) {
  auto failed = [](const auto& entry) { return entry.failed_code != 0; };
  auto count = static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), failed));
  if (count > most)
    forget(*std::find_if(entries_.begin(), entries_.end(), failed));
}

void process_table::forget(process_entry& entry) {
  forgotten_.push_back(entry.id);
  if (forgotten_.size() > remembered)
    forgotten_.pop_front();
  entries_.remove_if([&entry](const auto& item) { return &item == &entry; });
}

} // namespace reeve::holder
