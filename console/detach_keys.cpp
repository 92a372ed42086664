// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/detach_keys.hpp"

namespace reeve::console {

namespace {

constexpr char ctrl_p = 'P' & 0x1f;
constexpr char ctrl_q = 'Q' & 0x1f;

} // namespace

detach_keys::outcome detach_keys::feed(std::string_view typed) {
  auto out = outcome{};
  out.bytes.reserve(typed.size() + 1);
  for (auto key : typed) {
    if (seen_first_ && key == ctrl_q) {
      out.detach = true;
      return out;
    }
    if (seen_first_)
      out.bytes += ctrl_p;
    seen_first_ = key == ctrl_p;
    if (!seen_first_)
      out.bytes += key;
  }
  return out;
}

} // namespace reeve::console
