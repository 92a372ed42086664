// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Second process for unix_transport_test: publishes an echo service at the
// given path, says so on standard output, and ends with standard input.

#include "tests/support/transport_fixture.hpp"

#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2)
    return 2;
  auto daemon = reeve::test::echo_daemon{};
  auto options = reeve::actors::endpoint_options{};
  options.admitted.uids = {::getuid()};
  auto endpoint = reeve::actors::unix_endpoint::publish(
      daemon.sys, daemon.service, argv[1], std::move(options));
  if (!endpoint) {
    std::fprintf(stderr, "%s\n", to_string(endpoint.error()).c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  char ignored = 0;
  while (::read(STDIN_FILENO, &ignored, 1) > 0) {
  }
  return 0;
}
