// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "kernel-iface/wire.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// One datagram between the daemon and a helper process: a fixed-size header,
/// a body in the encoding of wire.hpp and up to `max_packet_fds` descriptors,
/// sent with one sendmsg(2) over a unix SOCK_SEQPACKET socket (SCM_RIGHTS,
/// unix(7)). The kernel keeps the boundaries, so a peer can send nonsense but
/// never get the two sides out of step.
namespace reeve::kernel {

inline constexpr std::uint32_t packet_magic = 0x52454556; // "REEV"
inline constexpr std::uint16_t packet_version = 1;
inline constexpr std::size_t max_packet_body = 384 * 1024;
inline constexpr std::size_t max_packet_fds = 32;

/// First packet of every helper process; carries its pidfd.
inline constexpr std::uint16_t helper_hello_type = 255;

struct packet {
  std::uint16_t type = 0;
  /// Chosen by the one who asks; the answer carries the same.
  std::uint64_t id = 0;
  std::string body;
  std::vector<unique_fd> fds;
  /// This process had no room for the descriptors that came along (EMFILE):
  /// `fds` is empty, all else is as it was sent.
  bool descriptors_lost = false;
};

template <class Message>
[[nodiscard]] packet make_packet(std::uint64_t id, const Message& message) {
  return {
      static_cast<std::uint16_t>(Message::type), id, wire::encode(message), {}};
}

/// What a receive attempt found.
enum class reception : std::uint8_t {
  packet, ///< one packet was filled in
  empty,  ///< nothing there now
  closed, ///< the peer has closed its end
};

/// Whether a packet that was not sent or received with this errno may be tried
/// again: the buffer is full, or the kernel is out of memory for now. Neither
/// is an end of the peer.
[[nodiscard]] bool is_for_later(int code) noexcept;

/// Sends without blocking; `borrowed` descriptors stay the caller's. EAGAIN
/// when the peer's buffer is full, ENOBUFS or ENOMEM when there is no memory,
/// EPIPE when it has gone; never SIGPIPE.
[[nodiscard]] result<void> send_packet(int socket, std::uint16_t type,
                                       std::uint64_t id, std::string_view body,
                                       std::span<const int> borrowed = {});

/// Receives without blocking. A packet with a wrong magic, version, length or
/// descriptor count is EPROTO and has been consumed; its descriptors are
/// closed. That this process is out of descriptors is not the peer's fault, so
/// it is no error: see `packet::descriptors_lost`. Received descriptors are
/// close-on-exec.
[[nodiscard]] result<reception> receive_packet(int socket, packet& into);

/// A connected pair of close-on-exec, non-blocking SOCK_SEQPACKET sockets with
/// buffers large enough for one packet of the maximum size.
[[nodiscard]] result<std::pair<unique_fd, unique_fd>> make_packet_sockets();

/// Raises a socket's send buffer to hold a packet of the maximum size.
void grow_packet_buffer(int socket) noexcept;

} // namespace reeve::kernel
