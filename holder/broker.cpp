// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/broker.hpp"

namespace reeve::holder {

int run_broker(int) {
  return 1;
}

} // namespace reeve::holder
