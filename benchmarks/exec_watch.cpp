// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/exec_watch.hpp"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace reeve::bench {

using kernel::last_error;
using kernel::result;
using kernel::unique_fd;

namespace {

auto failure(int code, const char* what) {
  return kernel::make_error(code, what, "process events",
                            "it takes CONFIG_PROC_EVENTS, CAP_NET_ADMIN and "
                            "the host's namespaces");
}

} // namespace

result<exec_watch> exec_watch::open() {
  auto socket = unique_fd::adopt(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  sockaddr_nl group{};
  group.nl_family = AF_NETLINK;
  group.nl_groups = CN_IDX_PROC;
  constexpr timeval patience{10, 0};
  if (!socket
      || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&group),
                sizeof(group))
             != 0
      || ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                      sizeof(patience))
             != 0)
    return failure(errno, "listen for");
  auto out = exec_watch{std::move(socket)};
  if (auto ok = out.subscribe(true); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return out;
}

exec_watch::exec_watch(unique_fd socket) : socket_(std::move(socket)) {}

exec_watch::~exec_watch() {
  if (socket_) // else the kernel would go on telling
    (void)subscribe(false);
}

result<void> exec_watch::subscribe(bool on) {
  const auto order = on ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE;
  nlmsghdr outer{};
  cn_msg inner{};
  inner.id = {CN_IDX_PROC, CN_VAL_PROC};
  inner.len = sizeof(order);
  outer.nlmsg_len = NLMSG_LENGTH(sizeof(inner) + sizeof(order));
  outer.nlmsg_type = NLMSG_DONE;
  std::array<std::byte, NLMSG_SPACE(sizeof(inner) + sizeof(order))> bytes{};
  std::memcpy(bytes.data(), &outer, sizeof(outer));
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &inner, sizeof(inner));
  std::memcpy(bytes.data() + NLMSG_HDRLEN + sizeof(inner), &order,
              sizeof(order));
  if (::send(socket_.get(), bytes.data(), outer.nlmsg_len, 0) < 0)
    return failure(errno, "ask for");
  return {};
}

void exec_watch::clear() {
  while (receive(MSG_DONTWAIT).value_or(false))
    ;
  execs_.clear();
}

result<void> exec_watch::await_any() {
  while (execs_.empty())
    if (auto got = receive(0); !got)
      return tl::make_unexpected(std::move(got.error()));
    else if (!*got)
      return failure(ETIMEDOUT, "wait for"); // no error tells who may not
  return {};
}

std::optional<exec_watch::moment> exec_watch::last_exec_of(pid_t pid) {
  while (receive(MSG_DONTWAIT).value_or(false))
    ;
  auto found = execs_.find(pid);
  return found == execs_.end() ? std::nullopt : std::optional{found->second};
}

// False if there is nothing.
result<bool> exec_watch::receive(int flags) {
  alignas(nlmsghdr) std::array<std::byte, 1024> bytes{};
  auto size = ::recv(socket_.get(), bytes.data(), bytes.size(), flags);
  if (size < 0 && errno == EAGAIN)
    return false;
  if (size < 0)
    return last_error("receive", "process events"); // ENOBUFS: some are lost
  constexpr auto before = NLMSG_HDRLEN + sizeof(cn_msg);
  proc_event event{};
  if (static_cast<std::size_t>(size) < before + sizeof(event))
    return true;
  std::memcpy(&event, bytes.data() + before, sizeof(event));
  if (event.what == proc_event::PROC_EVENT_EXEC)
    execs_[event.event_data.exec.process_tgid] =
        moment{std::chrono::nanoseconds{event.timestamp_ns}};
  return true;
}

} // namespace reeve::bench
