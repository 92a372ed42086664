// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/unswept_files.hpp"

#include <algorithm>

namespace reeve::supervisor {

void unswept_files::add(const unswept& what) {
  std::lock_guard guard{mutex_};
  auto& ids = all_[what.id].ids;
  ids = std::max(ids, what.ids); // not everybody knows them
}

std::optional<unswept> unswept_files::take() {
  std::lock_guard guard{mutex_};
  auto found = std::ranges::find_if(
      all_, [](const auto& item) { return !item.second.taken; });
  if (found == all_.end())
    return std::nullopt;
  found->second.taken = true;
  return unswept{found->first, found->second.ids};
}

void unswept_files::put_back_all() {
  std::lock_guard guard{mutex_};
  for (auto& [id, entry] : all_)
    entry.taken = false;
}

void unswept_files::done(const std::string& id) {
  std::lock_guard guard{mutex_};
  all_.erase(id);
}

} // namespace reeve::supervisor
