// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/prober.hpp"

#include <algorithm>
#include <utility>

namespace reeve::bench {

using kernel::result;

prober::prober(caf::actor_system& sys, question what)
    : thread_([this, &sys, what = std::move(what)] { run(sys, what); }) {}

prober::~prober() {
  end();
}

result<std::vector<duration>> prober::finish() {
  end();
  return std::move(times_);
}

void prober::end() {
  until_ = clock::now().time_since_epoch().count();
  if (thread_.joinable())
    thread_.join();
}

void prober::run(caf::actor_system& sys, const question& what) {
  caf::scoped_actor self{sys};
  auto answered = clock::now();
  auto due = answered;
  for (std::size_t turn = 0; due.time_since_epoch().count() < until_; ++turn) {
    std::this_thread::sleep_until(due);
    // That we were woken late is not the fault of who answers.
    const auto from = answered > due ? due : clock::now();
    if (auto ok = what(self, turn); !ok) {
      times_ = tl::make_unexpected(std::move(ok.error()));
      return;
    }
    answered = clock::now();
    times_->push_back(answered - from);
    due += period;
  }
}

} // namespace reeve::bench
