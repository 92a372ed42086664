// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// reeve-holder: the helper processes of a Reeve daemon in one small static
// program. `--zygote FD` and `--broker FD` serve the daemon at the other end
// of the seqpacket socket FD; holders are cloned from the zygote and never
// executed.

#include "holder/broker.hpp"
#include "holder/sealed_copy.hpp"
#include "holder/zygote.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/packet.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int usage() {
  std::fputs("reeve-holder is started by Reeve itself: "
             "reeve-holder --zygote|--broker SOCKET_FD\n",
             stderr);
  return 64;
}

// Nothing of the daemon may live on in a container's PID 1: not its
// descriptors, not its terminal.
bool drop_inheritance(int keep) {
  auto null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return false;
  for (auto fd = 0; fd < 3; ++fd)
    if (::dup2(null, fd) < 0)
      return false;
  auto below = keep > 3 ? ::syscall(SYS_close_range, 3U, keep - 1, 0U) : 0;
  if (below != 0 || ::syscall(SYS_close_range, keep + 1, ~0U, 0U) != 0
      || ::fcntl(keep, F_SETFD, FD_CLOEXEC) != 0)
    return false;
  // Taken from the start, so that no descriptor of an order lands there: the
  // newborn puts its own in these places. Our socket may be there, since the
  // newborn closes it first.
  for (auto reserved : {reeve::kernel::holder::listener_path_fd,
                        reeve::kernel::holder::limits_socket_fd})
    if (keep != reserved && ::dup3(STDIN_FILENO, reserved, O_CLOEXEC) < 0)
      return false;
  return true;
}

// The daemon must be able to kill a helper that hangs.
bool introduce(int socket) {
  auto self = reeve::kernel::unique_fd::adopt(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  auto raw = self.get();
  return raw >= 0
         && reeve::kernel::send_packet(socket, reeve::kernel::helper_hello_type,
                                       0, {}, {&raw, 1});
}

// Programs in the container see the arguments of their PID 1; the host's paths
// are none of their business.
void hide_arguments(int argc, char** argv) {
  for (auto i = 0; i < argc; ++i)
    std::memset(argv[i], 0, std::strlen(argv[i]));
  std::memcpy(argv[0], "reeve", sizeof("reeve"));
}

} // namespace

int main(int argc, char** argv, char** envp) {
  if (argc != 3)
    return usage();
  char* end = nullptr;
  auto socket = std::strtol(argv[2], &end, 10);
  if (*end != '\0' || socket < 3 || socket > 1'000'000)
    return usage();
  auto fd = static_cast<int>(socket);
  auto zygote = std::strcmp(argv[1], "--zygote") == 0;
  if (!zygote && std::strcmp(argv[1], "--broker") != 0)
    return usage();
  ::prctl(PR_SET_NAME, zygote ? "reeve-zygote" : "reeve-broker");
  // Only holders share a container with hostile code.
  if (zygote && !reeve::holder::continue_as_sealed_copy(argv, envp)) {
    std::perror("reeve-holder: run from a copy in memory");
    return 1;
  }
  // Out of the daemon's hands: it waits for this process only, and the
  // grandchild belongs to the host's init.
  switch (::fork()) {
  case -1:
    std::perror("reeve-holder: fork");
    return 1;
  case 0:
    break;
  default:
    return 0;
  }
  if (!drop_inheritance(fd))
    return 1;
  ::setsid();
  hide_arguments(argc, argv);
  if (!introduce(fd))
    return 1;
  return zygote ? reeve::holder::run_zygote(fd) : reeve::holder::run_broker(fd);
}
