// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/straight_init.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

/// Fixed size, since it crosses between two processes of one program.
struct report {
  int code = 0;
  std::array<char, 128> what{};
};

void send_report(int socket, const report& text, int fd) {
  auto data = iovec{const_cast<report*>(&text), sizeof text};
  alignas(cmsghdr) auto control =
      std::array<unsigned char, CMSG_SPACE(sizeof(int))>{};
  auto msg = msghdr{};
  msg.msg_iov = &data;
  msg.msg_iovlen = 1;
  if (fd >= 0) {
    msg.msg_control = control.data();
    msg.msg_controllen = control.size();
    auto* head = CMSG_FIRSTHDR(&msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  // Without a peer there is nothing left to do.
  if (::sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
    ::_exit(1);
}

[[noreturn]] void fail(int socket, const kernel::sys_error& err) {
  auto text = report{err.code != 0 ? err.code : EPROTO, {}};
  std::snprintf(text.what.data(), text.what.size(), "%s %s",
                err.operation.c_str(), err.subject.c_str());
  send_report(socket, text, -1);
  ::_exit(1);
}

/// False at the end of the peer.
bool await_go(int socket) {
  char word = 0;
  ssize_t got = 0;
  do
    got = ::recv(socket, &word, 1, 0);
  while (got < 0 && errno == EINTR);
  return got == 1;
}

/// Before unshare(CLONE_NEWUSER): after it, fsopen is refused, since the mount
/// namespace belongs to the initial user namespace.
result<unique_fd> make_proc() {
  auto context = unique_fd::adopt(::fsopen("proc", FSOPEN_CLOEXEC));
  if (!context
      || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0)
             != 0)
    return last_error("make", "the proc file system");
  auto mount = unique_fd::adopt(
      ::fsmount(context.get(), FSMOUNT_CLOEXEC,
                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!mount)
    return last_error("mount", "the proc file system");
  return mount;
}

result<unique_fd> enter_namespaces(const scratch_group& group) {
  // Joined before the cgroup namespace is made, which is rooted in the group.
  if (auto ok = group.join(); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  auto proc = make_proc();
  if (proc
      && ::unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
                   | CLONE_NEWCGROUP)
             != 0)
    return last_error("unshare", "the namespaces");
  return proc;
}

} // namespace

void run_straight_init(int socket, const scratch_group& group) {
  {
    auto proc = enter_namespaces(group);
    if (!proc)
      fail(socket, proc.error());
    send_report(socket, {}, proc->get());
  }
  if (!await_go(socket))
    ::_exit(0);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0
      || ::setresuid(0, 0, 0) != 0)
    fail(socket, last_error("become", "container root").value());
  send_report(socket, {}, -1);
  while (await_go(socket)) {
    // Nobody says anything after this; only the end of the peer is awaited.
  }
  ::_exit(0);
}

result<unique_fd> await_report(int socket) {
  auto text = report{};
  auto data = iovec{&text, sizeof text};
  alignas(cmsghdr) auto control =
      std::array<unsigned char, CMSG_SPACE(sizeof(int))>{};
  auto msg = msghdr{};
  msg.msg_iov = &data;
  msg.msg_iovlen = 1;
  msg.msg_control = control.data();
  msg.msg_controllen = control.size();
  ssize_t got = 0;
  do
    got = ::recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return last_error("receive from", "the init of a straight container");
  auto out = unique_fd{};
  if (const auto* head = CMSG_FIRSTHDR(&msg);
      head != nullptr && head->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
    out.reset(fd);
  }
  if (got != sizeof text)
    return make_error(EPIPE, "receive from",
                      "the init of a straight container");
  if (text.code != 0) {
    text.what.back() = '\0';
    return make_error(text.code, text.what.data());
  }
  return out;
}

result<void> send_go(int socket) {
  if (::send(socket, "g", 1, MSG_NOSIGNAL) != 1)
    return last_error("send to", "the init of a straight container");
  return {};
}

} // namespace reeve::bench
