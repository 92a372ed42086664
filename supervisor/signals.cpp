// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/signals.hpp"

#include "kernel-iface/unique_fd.hpp"
#include "supervisor/upgrade.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace reeve::supervisor {

namespace {

sigset_t daemon_signals() {
  sigset_t out;
  sigemptyset(&out);
  for (auto signo : {SIGTERM, SIGINT, SIGHUP, upgrade_signal})
    sigaddset(&out, signo);
  return out;
}

} // namespace

void block_daemon_signals() {
  auto set = daemon_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int wait_for_signal() {
  auto set = daemon_signals();
  auto signo = 0;
  while (::sigwait(&set, &signo) != 0)
    ;
  return signo;
}

void notify_service_manager(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path))
    return;
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  auto fd =
      kernel::unique_fd::adopt(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto size = offsetof(sockaddr_un, sun_path) + std::strlen(path);
  (void)::sendto(fd.get(), state, std::strlen(state), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(size));
}

} // namespace reeve::supervisor
