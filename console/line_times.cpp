// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/line_times.hpp"

#include "config/times.hpp"

#include <string_view>

namespace reeve::console {

namespace {

constexpr std::string_view unknown = "-";

} // namespace

std::string line_times::put_before(const supervisor::output_chunk& next) {
  std::string out;
  auto offset = next.offset;
  auto rest = std::string_view{next.bytes};
  auto later = next.times.begin(); // than what is at `offset`
  while (!rest.empty()) {
    while (later != next.times.end() && later->offset <= offset)
      ++later;
    if (is_at_start_) {
      auto is_known = later != next.times.begin();
      out += is_known ? config::rfc3339((later - 1)->unix_ms) : unknown;
      out += ' ';
    }
    auto end = rest.find('\n');
    is_at_start_ = end != std::string_view::npos;
    auto size = is_at_start_ ? end + 1 : rest.size();
    out += rest.substr(0, size);
    rest.remove_prefix(size);
    offset += size;
  }
  return out;
}

} // namespace reeve::console
