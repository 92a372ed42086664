// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace reeve::tests {

/// A connection over the loopback device whose first end takes `patience` to
/// close: what it has sent is not read (SO_LINGER, socket(7)).
struct lingering_connection {
  kernel::unique_fd closes_slowly;
  kernel::unique_fd does_not_read;

  static std::optional<lingering_connection> make(std::chrono::seconds wait) {
    auto tcp = [] {
      return kernel::unique_fd::adopt(
          ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    };
    auto listener = tcp();
    auto out = lingering_connection{tcp(), {}};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    auto* generic = reinterpret_cast<sockaddr*>(&at);
    auto how = linger{1, static_cast<int>(wait.count())};
    auto fd = out.closes_slowly.get();
    if (::bind(listener.get(), generic, sizeof(at)) != 0
        || ::listen(listener.get(), 1) != 0
        || ::getsockname(listener.get(), generic, &size) != 0
        || ::connect(fd, generic, sizeof(at)) != 0
        || ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof(how)) != 0)
      return std::nullopt;
    out.does_not_read = kernel::unique_fd::adopt(
        ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 4096> block{};
    while (::send(fd, block.data(), block.size(), MSG_DONTWAIT) > 0)
      ;
    return out;
  }
};

/// A packet with a descriptor. As sendmsg(2) answers.
inline ssize_t send_with(int to, std::string_view words, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> along{};
  auto text = iovec{const_cast<char*>(words.data()), words.size()};
  auto head = msghdr{};
  head.msg_iov = &text;
  head.msg_iovlen = 1;
  head.msg_control = along.data();
  head.msg_controllen = along.size();
  auto* first = CMSG_FIRSTHDR(&head);
  first->cmsg_level = SOL_SOCKET;
  first->cmsg_type = SCM_RIGHTS;
  first->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(first), &descriptor, sizeof(int));
  return ::sendmsg(to, &head, MSG_NOSIGNAL);
}

} // namespace reeve::tests
