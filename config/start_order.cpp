// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/start_order.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>

namespace reeve::config {

namespace {

// Follows what keeps a process from being started until one comes again.
needs_error circle(std::span<const process_needs> all,
                   const std::map<std::string_view, std::size_t>& by_id,
                   const std::vector<std::size_t>& unmet) {
  auto need_of = [&](std::size_t i) {
    std::size_t need = 0;
    while (unmet[by_id.at(all[i].after[need])] == 0)
      ++need;
    return need;
  };
  auto at = static_cast<std::size_t>(
      std::ranges::find_if(unmet, [](auto n) { return n != 0; })
      - unmet.begin());
  auto path = std::vector<std::size_t>{};
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    at = by_id.at(all[at].after[need_of(at)]);
  }
  auto text = std::string{"needs itself: "};
  for (auto step = std::ranges::find(path, at); step != path.end(); ++step)
    text.append(all[*step].id).append(", ");
  return {at, need_of(at), text.append(all[at].id)};
}

} // namespace

tl::expected<std::vector<std::size_t>, needs_error>
start_order(std::span<const process_needs> all) {
  auto by_id = std::map<std::string_view, std::size_t>{};
  for (std::size_t i = 0; i < all.size(); ++i)
    by_id.emplace(all[i].id, i);
  // Each process with the number of those that must come first, and with those
  // that wait for it.
  auto unmet = std::vector<std::size_t>(all.size());
  auto waiting = std::vector<std::vector<std::size_t>>(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t need = 0; need < all[i].after.size(); ++need) {
      auto found = by_id.find(all[i].after[need]);
      if (found == by_id.end())
        return tl::unexpected{
            needs_error{i, need, "needs " + in_quotes(all[i].after[need])}};
      waiting[found->second].push_back(i);
      ++unmet[i];
    }
  }
  auto next = std::priority_queue<std::size_t, std::vector<std::size_t>,
                                  std::greater<>>{};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (unmet[i] == 0)
      next.push(i);
  auto out = std::vector<std::size_t>{};
  out.reserve(all.size());
  while (!next.empty()) {
    auto i = next.top();
    next.pop();
    out.push_back(i);
    for (auto other : waiting[i])
      if (--unmet[other] == 0)
        next.push(other);
  }
  if (out.size() != all.size())
    return tl::unexpected{circle(all, by_id, unmet)};
  return out;
}

} // namespace reeve::config
