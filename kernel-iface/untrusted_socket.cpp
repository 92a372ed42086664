// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/untrusted_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace reeve::kernel {

namespace {

ssize_t peek(const unique_fd& from, msghdr& head) {
  return ::recvmsg(from.get(), &head, MSG_PEEK | MSG_DONTWAIT);
}

bool has_callers(const unique_fd& listener) {
  pollfd queue{listener.get(), POLLIN, 0};
  return ::poll(&queue, 1, 0) == 1 && (queue.revents & POLLIN) != 0;
}

// What must not be closed here.
std::vector<unique_fd> hang_up_queue(unique_fd listener) {
  std::vector<unique_fd> out;
  while (has_callers(listener)) {
    auto caller = unique_fd::adopt(::accept4(listener.get(), nullptr, nullptr,
                                             SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!caller && errno == EAGAIN) // another one of us was faster
      continue;
    if (!caller) { // out of descriptors
      out.push_back(std::move(listener));
      break;
    }
    if (auto left = hang_up(std::move(caller)))
      out.push_back(std::move(left));
  }
  return out;
}

} // namespace

void refuse_descriptors(const unique_fd& socket) {
  constexpr auto so_passrights = 83;
  auto none = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, so_passrights, &none, sizeof(none));
}

result<std::size_t> take_words(const unique_fd& from, std::span<char> room) {
  // Without room for descriptors the kernel says that there were some, and
  // closes its own copies alone: the packet keeps the first ones.
  auto head = msghdr{};
  auto size = peek(from, head);
  if (size >= 0 && (head.msg_flags & MSG_CTRUNC) != 0)
    return make_error(EBADMSG, "take a packet", {}, "descriptors came with it");
  // The first one is still the first one: nobody else takes any.
  if (size >= 0)
    size =
        ::recv(from.get(), room.data(), room.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0)
    return last_error("take a packet");
  return static_cast<std::size_t>(size);
}

unique_fd hang_up(unique_fd socket) {
  // From here on nobody can send: what waits is all there is.
  ::shutdown(socket.get(), SHUT_RDWR);
  // An empty packet differs from the end in having a sender.
  auto yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
  for (;;) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> sender{};
    auto head = msghdr{};
    head.msg_control = sender.data();
    head.msg_controllen = sender.size();
    auto size = peek(socket, head);
    if (size >= 0 && (head.msg_flags & MSG_CTRUNC) != 0)
      return socket;
    auto is_over = size < 0 ? errno != EINTR && errno != ECONNRESET
                            : head.msg_controllen == 0;
    if (is_over)
      return {};
    if (size >= 0)
      ::recv(socket.get(), nullptr, 0, MSG_DONTWAIT);
  }
}

std::shared_ptr<unique_fd> share_listener(unique_fd listener) {
  return {new unique_fd{std::move(listener)}, [](unique_fd* mine) {
            close_aside(hang_up_queue(std::move(*mine)));
            delete mine;
          }};
}

void close_aside(std::vector<unique_fd> sockets) {
  if (sockets.empty())
    return;
  auto all = std::make_unique<std::vector<unique_fd>>(std::move(sockets));
  try {
    std::thread{[all = all.get()] {
      std::unique_ptr<std::vector<unique_fd>>{all}.reset();
    }}.detach();
  } catch (const std::system_error&) {
    // Without a thread they stay open: the end of this process closes them.
  }
  [[maybe_unused]] auto* given_away = all.release();
}

} // namespace reeve::kernel
