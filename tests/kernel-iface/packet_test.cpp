// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/packet.hpp"

#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

using namespace reeve::kernel;

namespace {

// The format as a peer sees it, apart from the implementation's.
struct raw_header {
  std::uint32_t magic = packet_magic;
  std::uint16_t version = packet_version;
  std::uint16_t type = 1;
  std::uint32_t size = 0;
  std::uint32_t fd_count = 0;
  std::uint64_t id = 7;
};

struct socket_pair {
  unique_fd ours;
  unique_fd theirs;
};

socket_pair make_sockets() {
  auto both = make_packet_sockets();
  REQUIRE(both);
  return {std::move(both->first), std::move(both->second)};
}

// Sends what send_packet would never send.
void send_raw(int socket, const raw_header& head, std::string_view body,
              std::size_t head_size = sizeof(raw_header),
              std::span<const int> fds = {}) {
  auto copy = head;
  std::string rest{body};
  std::array<iovec, 2> parts{{{&copy, head_size}, {rest.data(), rest.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 64)> control{};
  msghdr msg{};
  msg.msg_iov = parts.data();
  msg.msg_iovlen = parts.size();
  if (!fds.empty()) {
    msg.msg_control = control.data();
    msg.msg_controllen = CMSG_SPACE(fds.size_bytes());
    auto* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  REQUIRE(::sendmsg(socket, &msg, MSG_NOSIGNAL) >= 0);
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& item :
       std::filesystem::directory_iterator{"/proc/self/fd"})
    ++count;
  return count;
}

void check_refused(int socket) {
  packet in;
  auto got = receive_packet(socket, in);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == EPROTO);
  CHECK(in.fds.empty());
}

// The bad packet is gone and the next one is whole.
void check_in_step(const socket_pair& at) {
  REQUIRE(send_packet(at.theirs.get(), 9, 10, "next"));
  packet in;
  CHECK(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.type == 9);
  CHECK(in.id == 10);
  CHECK(in.body == "next");
}

unique_fd null_device() {
  auto fd = unique_fd::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

} // namespace

TEST_CASE("packet: type, id, body and descriptors arrive",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  auto lent = null_device();
  std::array<int, 2> fds{lent.get(), lent.get()};
  REQUIRE(send_packet(at.theirs.get(), 5, 1ULL << 40U, "body", fds));
  packet in;
  REQUIRE(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.type == 5);
  CHECK(in.id == 1ULL << 40U);
  CHECK(in.body == "body");
  REQUIRE(in.fds.size() == 2);
  for (const auto& fd : in.fds)
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(::fcntl(lent.get(), F_GETFD) >= 0); // it was only borrowed
}

TEST_CASE("packet: the largest body passes, one byte more is refused",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  std::string body(max_packet_body, 'x');
  REQUIRE(send_packet(at.theirs.get(), 1, 2, body));
  packet in;
  REQUIRE(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.body == body);
  body += 'x';
  auto sent = send_packet(at.theirs.get(), 1, 2, body);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == EMSGSIZE);
}

TEST_CASE("packet: the most descriptors pass, one more is refused",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  auto lent = null_device();
  std::vector<int> fds(max_packet_fds, lent.get());
  REQUIRE(send_packet(at.theirs.get(), 1, 2, {}, fds));
  packet in;
  REQUIRE(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.fds.size() == max_packet_fds);
  fds.push_back(lent.get());
  auto sent = send_packet(at.theirs.get(), 1, 2, {}, fds);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == EMSGSIZE);
}

TEST_CASE("packet: nothing there and a closed peer are answers",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  packet in;
  CHECK(receive_packet(at.ours.get(), in).value() == reception::empty);
  REQUIRE(send_packet(at.theirs.get(), 1, 2, "last words"));
  at.theirs.reset();
  CHECK(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.body == "last words");
  CHECK(receive_packet(at.ours.get(), in).value() == reception::closed);
}

TEST_CASE("packet: the last words of a peer who has left something unread",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  packet in;
  REQUIRE(send_packet(at.ours.get(), 1, 1, "never read"));
  REQUIRE(send_packet(at.theirs.get(), 1, 2, "last"));
  REQUIRE(send_packet(at.theirs.get(), 1, 3, "words"));
  SECTION("and nobody has noticed") {
    at.theirs.reset();
  }
  SECTION("and sending has told") {
    at.theirs.reset();
    REQUIRE_FALSE(send_packet(at.ours.get(), 1, 4, "too late"));
  }
  CHECK(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.body == "last");
  CHECK(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK(in.body == "words");
  CHECK(receive_packet(at.ours.get(), in).value() == reception::closed);
}

TEST_CASE("packet: sending to a closed peer is EPIPE and no signal",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  at.theirs.reset();
  auto sent = send_packet(at.ours.get(), 1, 2, "x");
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == EPIPE);
}

TEST_CASE("packet: a peer that does not read makes EAGAIN, not a wait",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  std::string body(max_packet_body / 2, 'x');
  result<void> sent;
  for (auto i = 0; i < 100 && sent; ++i)
    sent = send_packet(at.ours.get(), 1, 2, body);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == EAGAIN);
}

TEST_CASE("packet: a header that lies is refused and costs one packet only",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  auto socket = at.theirs.get();
  SECTION("wrong magic") {
    send_raw(socket, {.magic = packet_magic + 1}, "");
  }
  SECTION("wrong version") {
    send_raw(socket, {.version = packet_version + 1}, "");
  }
  SECTION("a size larger than the body") {
    send_raw(socket, {.size = 5}, "four");
  }
  SECTION("a size smaller than the body") {
    send_raw(socket, {.size = 3}, "four");
  }
  SECTION("half a header") {
    send_raw(socket, {}, "", sizeof(raw_header) / 2);
  }
  SECTION("one byte") {
    send_raw(socket, {}, "", 1);
  }
  SECTION("a body beyond the limit") {
    send_raw(socket, {.size = max_packet_body + 1},
             std::string(max_packet_body + 1, 'x'));
  }
  SECTION("fewer descriptors than it says") {
    send_raw(socket, {.fd_count = 1}, "");
  }
  check_refused(at.ours.get());
  check_in_step(at);
}

TEST_CASE("packet: descriptors of a refused packet are closed",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  auto lent = null_device();
  auto before = open_descriptors();
  SECTION("more than it says") {
    std::vector<int> fds(3, lent.get());
    send_raw(at.theirs.get(), {.fd_count = 2}, "", sizeof(raw_header), fds);
  }
  SECTION("more than the limit") {
    std::vector<int> fds(max_packet_fds + 8, lent.get());
    send_raw(at.theirs.get(), {.fd_count = max_packet_fds + 8}, "",
             sizeof(raw_header), fds);
  }
  SECTION("with a wrong magic") {
    std::vector<int> fds(2, lent.get());
    send_raw(at.theirs.get(), {.magic = 0, .fd_count = 2}, "",
             sizeof(raw_header), fds);
  }
  check_refused(at.ours.get());
  CHECK(open_descriptors() == before);
  check_in_step(at);
}

TEST_CASE("packet: an empty datagram closes the connection",
          "[kernel-iface][unit]") {
  // SOCK_SEQPACKET gives no other sign of the peer's end; nobody of ours
  // sends one.
  auto at = make_sockets();
  REQUIRE(::send(at.theirs.get(), "", 0, MSG_NOSIGNAL) == 0);
  packet in;
  CHECK(receive_packet(at.ours.get(), in).value() == reception::closed);
}

TEST_CASE("packet: a receiver without room loses the descriptors, nothing else",
          "[kernel-iface][unit]") {
  auto at = make_sockets();
  auto lent = null_device();
  std::array<int, 4> fds{lent.get(), lent.get(), lent.get(), lent.get()};
  REQUIRE(send_packet(at.theirs.get(), 5, 6, "body", fds));
  auto before = open_descriptors();
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  // The lowest free number is where the next one would go.
  auto next = unique_fd::adopt(::dup(lent.get()));
  auto room = GENERATE(0U, 2U);
  rlimit scarce{static_cast<rlim_t>(next.get()) + room, usual.rlim_max};
  next.reset();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &scarce) == 0);
  packet in;
  auto got = receive_packet(at.ours.get(), in);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  REQUIRE(got);
  REQUIRE(*got == reception::packet);
  CHECK(in.descriptors_lost);
  CHECK(in.fds.empty());
  CHECK(in.type == 5);
  CHECK(in.id == 6);
  CHECK(in.body == "body");
  CHECK(open_descriptors() == before);
  check_in_step(at);
  REQUIRE(send_packet(at.theirs.get(), 5, 6, "body", fds));
  REQUIRE(receive_packet(at.ours.get(), in).value() == reception::packet);
  CHECK_FALSE(in.descriptors_lost);
  CHECK(in.fds.size() == fds.size());
}
