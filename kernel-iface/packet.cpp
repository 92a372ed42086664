// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/packet.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace reeve::kernel {

namespace {

struct header {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t type;
  std::uint32_t size;
  std::uint32_t fd_count;
  std::uint64_t id;
};
static_assert(sizeof(header) == 24);

union control_buffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * max_packet_fds)];
};

// Adopts every descriptor that arrived, whatever else is wrong with the
// packet, so that none can leak into this process.
void adopt_descriptors(msghdr& msg, std::vector<unique_fd>& into) {
  for (auto* c = CMSG_FIRSTHDR(&msg); c != nullptr; c = CMSG_NXTHDR(&msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    auto count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      auto fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      into.push_back(unique_fd::adopt(fd));
    }
  }
}

} // namespace

result<void> send_packet(int socket, std::uint16_t type, std::uint64_t id,
                         std::string_view body, std::span<const int> borrowed) {
  if (body.size() > max_packet_body || borrowed.size() > max_packet_fds)
    return make_error(EMSGSIZE, "send packet",
                      std::to_string(body.size()) + " bytes, "
                          + std::to_string(borrowed.size()) + " descriptors");
  header head{packet_magic,
              packet_version,
              type,
              static_cast<std::uint32_t>(body.size()),
              static_cast<std::uint32_t>(borrowed.size()),
              id};
  std::array<iovec, 2> parts{
      {{&head, sizeof(head)},
       {const_cast<char*>(body.data()), body.size()}}}; // sendmsg only reads
  msghdr msg{};
  msg.msg_iov = parts.data();
  msg.msg_iovlen = parts.size();
  control_buffer control{};
  if (!borrowed.empty()) {
    msg.msg_control = control.bytes;
    msg.msg_controllen = CMSG_SPACE(borrowed.size_bytes());
    auto* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(borrowed.size_bytes());
    std::memcpy(CMSG_DATA(c), borrowed.data(), borrowed.size_bytes());
  }
  for (;;) {
    if (::sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      return {};
    if (errno != EINTR)
      return last_error("send packet", "type " + std::to_string(type));
  }
}

bool is_for_later(int code) noexcept {
  return code == EAGAIN || code == ENOMEM || code == ENOBUFS;
}

namespace {

// A peer that ends with something unread is a reset, of which the kernel tells
// once, and before it gives out what that peer had sent (`sock_error` in
// net/unix/af_unix.c).
template <class Call>
ssize_t receive(Call call) {
  auto was_reset = false;
  for (;;) {
    auto size = call();
    if (size >= 0)
      return size;
    if (errno == ECONNRESET && !std::exchange(was_reset, true))
      continue;
    if (errno != EINTR)
      return size;
  }
}

} // namespace

// While it is for later, the packet stays in the queue and the socket readable.
result<reception> receive_packet(int socket, packet& into) {
  // One receive buffer for the process: packets are large at most and rare.
  // Grown only here, so that a holder stays small.
  header head{};
  std::array<iovec, 2> parts{};
  into.body.clear();
  into.fds.clear();
  into.descriptors_lost = false;
  // Ask for the size first: an idle holder shall not own a large buffer.
  auto size = receive([&] {
    return ::recv(socket, &head, sizeof(head),
                  MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  });
  if (size < 0) {
    if (is_for_later(errno))
      return reception::empty;
    if (errno == ECONNRESET)
      return reception::closed;
    return last_error("receive packet");
  }
  if (size == 0)
    return reception::closed;
  auto total = static_cast<std::size_t>(size);
  auto fits = total >= sizeof(head) && total - sizeof(head) <= max_packet_body;
  into.body.resize(fits ? total - sizeof(head) : 0);
  parts[0] = {&head, sizeof(head)};
  parts[1] = {into.body.data(), into.body.size()};
  msghdr msg{};
  msg.msg_iov = parts.data();
  msg.msg_iovlen = parts.size();
  control_buffer control{};
  msg.msg_control = control.bytes;
  msg.msg_controllen = sizeof(control.bytes);
  size = receive(
      [&] { return ::recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (size < 0 && is_for_later(errno))
    return reception::empty;
  if (size < 0)
    return last_error("receive packet");
  adopt_descriptors(msg, into.fds);
  // The buffer holds as many as a packet may have. If fewer than it says were
  // put there and the kernel tells of more, it was we who had no room.
  auto cut = (msg.msg_flags & MSG_CTRUNC) != 0;
  auto lost =
      cut && head.fd_count <= max_packet_fds && into.fds.size() < head.fd_count;
  if (!fits || (msg.msg_flags & MSG_TRUNC) != 0 || head.magic != packet_magic
      || head.version != packet_version || head.size != into.body.size()
      || (!lost && (cut || head.fd_count != into.fds.size()))) {
    into.fds.clear();
    return make_error(
        EPROTO, "receive packet", std::to_string(total) + " bytes",
        "the peer does not speak version " + std::to_string(packet_version)
            + " of the helper protocol");
  }
  if (lost)
    into.fds.clear();
  into.descriptors_lost = lost;
  into.type = head.type;
  into.id = head.id;
  return reception::packet;
}

void grow_packet_buffer(int socket) noexcept {
  // SO_SNDBUFFORCE (CAP_NET_ADMIN) passes net.core.wmem_max; without it the
  // plain option still gives what the host allows.
  int size = 2 * static_cast<int>(max_packet_body);
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size))
      != 0)
    (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

result<std::pair<unique_fd, unique_fd>> make_packet_sockets() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds.data())
      != 0)
    return last_error("socketpair");
  grow_packet_buffer(fds[0]);
  grow_packet_buffer(fds[1]);
  return std::pair{unique_fd::adopt(fds[0]), unique_fd::adopt(fds[1])};
}

} // namespace reeve::kernel
