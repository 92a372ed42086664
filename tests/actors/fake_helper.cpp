// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// In place of the mount broker: `fake_helper --broker FD`. What it does with a
// prepare order stands in the first masked path: "who" answers with its pid,
// "slow" does so after a tenth of a second, "hang" never does, "die" ends it.

#include "kernel-iface/broker_protocol.hpp"
#include "kernel-iface/packet.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

using namespace reeve::kernel;

namespace {

bool introduce(int socket) {
  auto self = unique_fd::adopt(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  auto raw = self.get();
  return raw >= 0
         && send_packet(socket, helper_hello_type, 0, {}, {&raw, 1})
                .has_value();
}

void serve(int socket, const packet& in) {
  broker::prepare_order order;
  if (!wire::decode(in.body, order) || order.stage.masked_paths.empty())
    ::_exit(3);
  const auto& what = order.stage.masked_paths.front();
  if (what == "die")
    ::_exit(0);
  if (what == "hang")
    for (;;)
      ::pause();
  if (what == "slow")
    ::poll(nullptr, 0, 100);
  broker::prepared_report report{{std::to_string(::getpid())}};
  if (!send_packet(socket, static_cast<std::uint16_t>(report.type), in.id,
                   wire::encode(report)))
    ::_exit(4);
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3)
    return 64;
  auto socket = std::atoi(argv[2]);
  if (::fork() != 0)
    return 0;
  if (!introduce(socket))
    return 1;
  for (;;) {
    pollfd wait{socket, POLLIN, 0};
    ::poll(&wait, 1, -1);
    packet in;
    auto got = receive_packet(socket, in);
    if (!got || *got == reception::closed)
      return 0;
    if (*got == reception::packet)
      serve(socket, in);
  }
}
