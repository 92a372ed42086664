// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/skip.hpp"

#include <unistd.h>

#include <iostream>

namespace reeve::tests {

namespace {

bool has_skipped = false;

} // namespace

void skip(const std::string& reason) {
  has_skipped = true;
  std::cout << "skipped: " << reason << std::endl;
}

bool is_root() {
  if (::geteuid() == 0)
    return true;
  skip("needs root");
  return false;
}

int status_after_skips(int status) {
  if (status != 0)
    return 1;
  return has_skipped ? skipped_status : 0;
}

} // namespace reeve::tests
