// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// reeve-bench-floor DIRECTORY: measures floors for reeve-bench. A program of
// its own, static and single-threaded, because clone and the copy of a mount
// namespace cost what the calling process is big.

#include "benchmarks/floor_protocol.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace reeve::bench {

namespace {

floor_answer to_answer(const kernel::sys_error& err) {
  auto out = floor_answer{};
  out.code = err.code;
  auto text = err.operation + " " + err.subject;
  text.resize(std::min(text.size(), out.error.size() - 1));
  std::copy(text.begin(), text.end(), out.error.begin());
  return out;
}

floor_answer answer(floor_order order, kernel::result<workshop>& shop) {
  if (!shop)
    return to_answer(shop.error());
  auto took = measure_floor(order.kind, order.processes, *shop);
  if (!took)
    return to_answer(took.error());
  return {took->count()};
}

int serve(const std::string& directory) {
  auto shop = workshop::enter(directory);
  auto order = floor_order{};
  while (::recv(STDIN_FILENO, &order, sizeof order, 0) == sizeof order) {
    const auto reply = answer(order, shop);
    if (::send(STDIN_FILENO, &reply, sizeof reply, MSG_NOSIGNAL) < 0)
      return 1;
  }
  return 0;
}

} // namespace

} // namespace reeve::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    constexpr char usage[] = "reeve-bench-floor is started by reeve-bench\n";
    return ::write(STDERR_FILENO, usage, sizeof usage - 1) < 0 ? 1 : 2;
  }
  return reeve::bench::serve(argv[1]);
}
