// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/journal.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace reeve::kernel {

namespace {

constexpr const char* sending = "send to the journal at";

void append(std::string& to, const journal::field& what) {
  const auto& [name, value] = what;
  to += name;
  if (value.find('\n') == std::string_view::npos) {
    to += '=';
  } else { // with its length, 64 bits, little-endian
    to += '\n';
    for (auto shift = 0U; shift < 64; shift += 8)
      to += static_cast<char>(value.size() >> shift & 0xffU);
  }
  to += value;
  to += '\n';
}

} // namespace

// Connected, because only then does poll(2) tell of the other's queue.
result<void> journal::connect() {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path_.size() >= sizeof to.sun_path)
    return make_error(ENAMETOOLONG, sending, path_);
  std::memcpy(to.sun_path, path_.c_str(), path_.size() + 1);
  socket_ = unique_fd::adopt(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_)
    return last_error("make a socket for the journal");
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to),
                sizeof to)
      == 0)
    return {};
  auto out = last_error(sending, path_);
  socket_.reset();
  return out;
}

result<journal::delivery> journal::send(std::span<const field> entry) {
  std::string datagram;
  for (const auto& item : entry)
    append(datagram, item);
  for (auto is_new = false;; is_new = true) {
    if (!socket_)
      if (auto ok = connect(); !ok)
        return tl::make_unexpected(std::move(ok.error()));
    if (::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL)
        >= 0)
      return delivery::taken;
    if (errno == EAGAIN || errno == EINTR)
      return delivery::full;
    auto was_restarted = errno == ECONNREFUSED || errno == ENOTCONN;
    if (is_new || !was_restarted)
      return last_error(sending, path_);
    socket_.reset();
  }
}

} // namespace reeve::kernel
