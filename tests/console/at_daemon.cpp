// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/console/at_daemon.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/patience.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace reeve::tests {

std::string told(const daemon_process& daemon, const words& line) {
  auto got = run_console(at(daemon, line));
  auto text = std::string{};
  for (const auto& word : line)
    text += word + ' ';
  INFO(text << "-> " << got.status << "\n" << got.out << got.err);
  CHECK(got.status == 0);
  CHECK(got.err.empty());
  return got.out;
}

std::vector<std::string> lines_of(const std::string& text) {
  auto in = std::istringstream{text};
  auto out = std::vector<std::string>{};
  for (std::string line; std::getline(in, line);)
    out.push_back(line);
  return out;
}

std::vector<std::string> cells_of(const std::string& line) {
  auto out = std::vector<std::string>{};
  for (auto at = std::size_t{0}; at < line.size();) {
    auto end = std::min(line.find("  ", at), line.size());
    out.push_back(line.substr(at, end - at));
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return out;
}

std::string next_line(int fd) {
  auto out = std::string{};
  for (auto c = '\0'; c != '\n'; out += c) {
    auto ready = pollfd{fd, POLLIN, 0};
    if (::poll(&ready, 1, patiently(20'000)) != 1 || ::read(fd, &c, 1) != 1)
      FAIL("no whole line came, but '" << out << "'");
  }
  out.pop_back();
  return out;
}

} // namespace reeve::tests
