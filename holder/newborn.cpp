// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/newborn.hpp"

#include "holder/layout.hpp"
#include "kernel-iface/holder_protocol.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

namespace reeve::holder {

namespace {

using kernel::unique_fd;
using kernel::zygote::ns_kind;
using kernel::zygote::ns_mode;

constexpr int clone_flags[] = {CLONE_NEWPID,    CLONE_NEWNET, CLONE_NEWUTS,
                               CLONE_NEWIPC,    CLONE_NEWNS,  CLONE_NEWUSER,
                               CLONE_NEWCGROUP, 0x80 /* CLONE_NEWTIME */};

constexpr const char* ns_names[] = {"pid",   "net",  "uts",    "ipc",
                                    "mount", "user", "cgroup", "time"};

class newborn {
public:
  newborn(birth& from, int zygote) : from_(from), zygote_(zygote) {}

  belongings run() {
    belongings out;
    reset_signals();
    leave_keyring();
    enter_cgroups();
    join_namespaces();
    mount_proc();
    out.listener = open_listener();
    keep_limits_socket();
    out.oom_score = open_oom_score(); // its number is taken by now
    make_namespaces();
    become_root();
    raise_loopback();
    go_home();
    tell(birth_note::kind::ready);
    return out;
  }

private:
  [[nodiscard]] ns_mode mode(ns_kind kind) const {
    return from_.order.modes[static_cast<std::size_t>(kind)];
  }

  [[noreturn]] void fail(const char* step, const std::string& subject = {}) {
    birth_note note{birth_note::kind::failed, errno, {}};
    std::snprintf(note.step, sizeof(note.step), "%s%s%s", step,
                  subject.empty() ? "" : " ", subject.c_str());
    (void)::send(zygote_, &note, sizeof(note), MSG_NOSIGNAL);
    ::_exit(1);
  }

  void tell(birth_note::kind what) {
    birth_note note{what, 0, {}};
    if (::send(zygote_, &note, sizeof(note), MSG_NOSIGNAL) < 0)
      ::_exit(1); // the zygote has gone; nobody to tell
  }

  // Once for all children: what the daemon ignores, such as SIGPIPE, would
  // stay ignored through every exec.
  static void reset_signals() {
    for (auto signo = 1; signo < NSIG; ++signo)
      std::signal(signo, SIG_DFL);
  }

  // The daemon's session keyring, with all that is linked to it, would be
  // everybody's in the container. While we are root of the host, on whose
  // account the new one then goes.
  void leave_keyring() {
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0
        && errno != ENOSYS) // a kernel without keys
      fail("leave the session keyring");
  }

  // A single-threaded process that writes "0" to `tasks` joins at once; the
  // same move by pid waits for an RCU grace period (10 ms and more). The
  // daemon has opened the files: v1 checks the opener's credentials.
  void write_zero(std::vector<unique_fd>& files, const char* step) {
    for (auto& file : files) {
      if (::write(file.get(), "0", 1) != 1) {
        auto code = errno;
        auto path = path_of(file.get());
        errno = code;
        fail(step, path);
      }
      file.reset();
    }
  }

  // As the host knows it: the zygote's /proc is the host's.
  [[nodiscard]] std::string path_of(int fd) const {
    auto link = "self/fd/" + std::to_string(fd);
    std::array<char, 128> path{};
    auto size =
        ::readlinkat(from_.proc, link.c_str(), path.data(), path.size());
    return {path.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }

  void enter_cgroups() {
    write_zero(from_.join, "join the container's cgroup");
  }

  // Host-root rights over the joined namespaces are needed, so this comes
  // before the user namespace; a joined user namespace comes last of all.
  void join_namespaces() {
    std::size_t next = 0;
    auto user = -1;
    for (std::size_t i = 0; i < kernel::zygote::ns_kinds; ++i) {
      if (from_.order.modes[i] != ns_mode::joined)
        continue;
      auto fd = from_.joined[next++].get();
      if (static_cast<ns_kind>(i) == ns_kind::pid)
        continue; // the zygote entered it before the clone
      if (static_cast<ns_kind>(i) == ns_kind::user)
        user = fd;
      else if (::setns(fd, clone_flags[i]) != 0)
        fail("join the namespace", ns_names[i]);
    }
    joined_user_ = user;
  }

  // In the new pid namespace, still with the rights of its owner: after
  // unshare(CLONE_NEWUSER) mounting proc is EPERM.
  void mount_proc() {
    if (::mount("proc", layout::proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                nullptr)
        != 0)
      fail("mount proc on", layout::proc);
  }

  unique_fd open_oom_score() {
    auto path = std::string{layout::proc} + "/self/oom_score_adj";
    auto fd = unique_fd::adopt(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd)
      fail("open", path);
    return fd;
  }

  // Without a name as soon as we hold it: container root may be the host's, to
  // whom no directory's mode is an obstacle. A daemon connects through our
  // descriptor of it, which /proc gives to nobody who may not trace us. The
  // zygote's tmpfs lends the place, to one newborn at a time.
  unique_fd open_listener() {
    auto fd = unique_fd::adopt(
        ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                  layout::socket_path);
    ::unlink(layout::socket_path); // of one that was killed just here
    if (!fd
        || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                  sizeof(address))
               != 0
        || ::listen(fd.get(), 64) != 0)
      fail("listen for daemons at", layout::socket_path);
    auto path = unique_fd::adopt(
        ::open(layout::socket_path, O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!path
        || ::dup3(path.get(), kernel::holder::listener_path_fd, O_CLOEXEC) < 0
        || ::unlink(layout::socket_path) != 0)
      fail("keep the path of the listener", layout::socket_path);
    return fd;
  }

  void keep_limits_socket() {
    if (::dup3(from_.limits_socket.get(), kernel::holder::limits_socket_fd,
               O_CLOEXEC)
        < 0)
      fail("keep the limits socket");
  }

  void make_namespaces() {
    if (joined_user_ >= 0 && ::setns(joined_user_, CLONE_NEWUSER) != 0)
      fail("join the user namespace");
    auto flags = 0;
    for (std::size_t i = 0; i < kernel::zygote::ns_kinds; ++i) {
      auto kind = static_cast<ns_kind>(i);
      if (kind != ns_kind::pid && kind != ns_kind::mount
          && from_.order.modes[i] == ns_mode::fresh)
        flags |= clone_flags[i];
    }
    if (::unshare(flags) != 0)
      fail("unshare namespaces");
    if (mode(ns_kind::user) != ns_mode::fresh)
      return;
    tell(birth_note::kind::map_me);
    birth_note answer{};
    if (::recv(zygote_, &answer, sizeof(answer), 0) != sizeof(answer)
        || answer.what != birth_note::kind::mapped)
      ::_exit(1); // the zygote reports why
  }

  void become_root() {
    if (mode(ns_kind::user) != ns_mode::host
        && (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0
            || ::setresuid(0, 0, 0) != 0))
      fail("become root of the user namespace");
    // Changing ids clears it too; said once more for host user namespaces.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
      fail("clear dumpable");
    // Not PID 1 of anything: orphans shall still come here.
    if (mode(ns_kind::pid) != ns_mode::fresh
        && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
      fail("become subreaper");
  }

  void raise_loopback() {
    if (mode(ns_kind::net) != ns_mode::fresh)
      return;
    auto fd = unique_fd::adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!fd || ::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0)
      fail("bring up", "lo");
  }

  // Out of the container's limits, so that a frozen, OOM-paused or
  // fork-bombed container still answers.
  void go_home() {
    write_zero(from_.home, "move to the holders' cgroup");
  }

  birth& from_;
  int zygote_;
  int joined_user_ = -1;
};

} // namespace

belongings come_to_life(birth& from, int zygote) {
  return newborn{from, zygote}.run();
}

} // namespace reeve::holder
