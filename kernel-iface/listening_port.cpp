// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/listening_port.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace reeve::kernel {

namespace {

constexpr auto state_listen = std::string_view{"0A"}; // TCP_LISTEN

// Of an address such as "0100007F:1F90"; 0 if it is none.
std::uint16_t port_of(std::string_view address) {
  std::uint16_t out = 0;
  auto digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
  return out;
}

// Lines such as "  0: 0100007F:1F90 00000000:0000 0A ...": a number, the local
// address and port, the remote ones, the state.
result<bool> is_listed(const std::string& path, std::uint16_t port) {
  auto file = std::ifstream{path};
  if (!file)
    return last_error("open", path);
  for (std::string line; std::getline(file, line);) {
    auto words = std::istringstream{line};
    std::string number, local, remote, state;
    words >> number >> local >> remote >> state;
    if (state == state_listen && port_of(local) == port)
      return true;
  }
  return false;
}

} // namespace

result<bool> has_listener(pid_t pid, std::uint16_t port) {
  auto dir = "/proc/" + std::to_string(pid) + "/net/";
  auto found = is_listed(dir + "tcp", port);
  if (!found || *found)
    return found;
  found = is_listed(dir + "tcp6", port);
  if (!found && found.error().code == ENOENT)
    return false; // a kernel without IPv6
  return found;
}

} // namespace reeve::kernel
