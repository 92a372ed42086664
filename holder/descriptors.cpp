// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/descriptors.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace reeve::holder {

bool close_all_but(std::initializer_list<int> kept) noexcept {
  std::array<unsigned, 16> sorted{};
  auto count = std::size_t{0};
  for (auto fd : kept)
    if (fd >= 0 && count < sorted.size())
      sorted[count++] = static_cast<unsigned>(fd);
  std::sort(sorted.begin(), sorted.begin() + count);
  auto first = 0U;
  for (std::size_t i = 0; i < count; ++i) {
    if (sorted[i] > first
        && ::syscall(SYS_close_range, first, sorted[i] - 1, 0U) != 0)
      return false;
    first = sorted[i] + 1;
  }
  return ::syscall(SYS_close_range, first, ~0U, 0U) == 0;
}

} // namespace reeve::holder
