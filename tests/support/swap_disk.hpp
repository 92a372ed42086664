// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace reeve::tests {

/// True if a swap device of our own can be made here; skips if not.
[[nodiscard]] bool has_zram();

/// Swap in compressed memory, the first that the kernel takes for as long as it
/// lives. What others have swapped to it meanwhile comes back at its end.
class swap_disk {
public:
  explicit swap_disk(unsigned mib);
  swap_disk(const swap_disk&) = delete;
  swap_disk& operator=(const swap_disk&) = delete;
  ~swap_disk();

private:
  void use(unsigned mib) const;
  void remove() const;

  std::string number_;
  std::string device_;
};

} // namespace reeve::tests
