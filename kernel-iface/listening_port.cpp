// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/listening_port.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

namespace reeve::kernel {

namespace {

constexpr auto state_listen = 0x0aU; // TCP_LISTEN of the kernel

// Lines such as "  0: 0100007F:1F90 00000000:0000 0A ...": a number, the local
// address and port, the remote ones, the state.
result<bool> is_listed(const std::string& path, std::uint16_t port) {
  auto file = std::unique_ptr<std::FILE, int (*)(std::FILE*)>{
      std::fopen(path.c_str(), "re"), &std::fclose};
  if (!file)
    return last_error("open", path);
  char line[512];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    auto local = 0U;
    auto state = 0U;
    if (std::sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local,
                    &state)
            == 2
        && local == port && state == state_listen)
      return true;
  }
  if (std::ferror(file.get()) != 0)
    return last_error("read", path);
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
