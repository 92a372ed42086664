// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/lease.hpp"

#include <algorithm>

namespace reeve::supervisor {

void lease::hold(std::uint64_t holder, clock::time_point now) {
  std::erase_if(until_, [now](const auto& item) {
    return item.first == nobody || item.second <= now;
  });
  until_[holder] = now + term;
}

void lease::release(std::uint64_t holder) {
  if (holder != nobody)
    until_.erase(holder);
}

bool lease::is_over(clock::time_point now) const {
  return next() <= now;
}

bool lease::is_held_by(std::uint64_t holder, clock::time_point now) const {
  auto found = until_.find(holder);
  return holder != nobody && found != until_.end() && found->second > now;
}

lease::clock::time_point lease::next() const {
  auto last = clock::time_point::min();
  for (const auto& [holder, until] : until_)
    last = std::max(last, until);
  return last;
}

} // namespace reeve::supervisor
