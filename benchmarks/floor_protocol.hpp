// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/floor.hpp"

#include <array>
#include <cstdint>
#include <type_traits>

namespace reeve::bench {

/// Between reeve-bench and its reeve-bench-floor, over a seqpacket socket that
/// the latter finds as its standard input. Both are built together, so layout
/// and byte order are the compiler's.
struct floor_order {
  floor_kind kind{};
  std::uint32_t processes = 0; ///< of a storm
};

struct floor_answer {
  std::int64_t nanoseconds = 0;
  std::int32_t code = 0; ///< errno value; meaningful when there is a text
  std::array<char, 240> error{}; ///< empty: it worked
};

static_assert(std::is_trivially_copyable_v<floor_order>);
static_assert(std::is_trivially_copyable_v<floor_answer>);

} // namespace reeve::bench
