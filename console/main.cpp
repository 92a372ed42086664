// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/arguments.hpp"
#include "console/embedded.hpp"
#include "supervisor/standard_streams.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

using namespace reeve::console;

int report(const failure& f) {
  std::cout.flush();
  std::cerr << "reeve: " << printable(to_string(f)) << '\n';
  return f.status;
}

int run(int argc, char** argv) {
  const char* root = std::getenv("REEVE_ROOT");
  auto line =
      parse({argv + (argc > 0 ? 1 : 0), argv + argc},
            root != nullptr ? std::optional<std::string>{root} : std::nullopt);
  if (!line)
    return report(line.error());

  using namespace std::chrono;
  auto ctx =
      context{line->options, {connect_to_daemon, embed}, std::cout, std::cerr};
  ctx.style = output_style::of(STDOUT_FILENO);
  ctx.now_ms =
      duration_cast<milliseconds>(system_clock::now().time_since_epoch())
          .count();
  auto status = line->act(ctx);
  if (!status)
    return report(status.error());
  if (!std::cout.flush())
    return report(
        {status_own_error, "cannot write to standard output", {}, {}});
  return *status;
}

} // namespace

int main(int argc, char** argv) {
  reeve::supervisor::open_missing_standard_streams();
  try {
    std::ios::sync_with_stdio(false);
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "reeve: internal error: %s\n", e.what());
    return status_own_error;
  }
}
