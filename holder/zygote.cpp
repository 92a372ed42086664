// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/zygote.hpp"

#include "holder/daemon_link.hpp"
#include "holder/descriptors.hpp"
#include "holder/layout.hpp"
#include "holder/newborn.hpp"
#include "holder/pid_one.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/packet.hpp"
#include "kernel-iface/rlimits.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

namespace reeve::holder {

namespace {

using namespace kernel::zygote;
using kernel::packet;
using kernel::unique_fd;

using clock = std::chrono::steady_clock;

// For all of a birth. The daemon's deadline for its order is longer, or it
// would kill us over one newborn that hangs.
constexpr auto birth_timeout = std::chrono::seconds{5};

struct failure {
  int code = 0;
  std::string step;
};

/// The zygote proper: one order, one answer.
class zygote {
public:
  explicit zygote(int socket) : daemon_(socket) {}

  int run() {
    if (auto err = settle(); err.code != 0) {
      answer_failure(0, err);
      return 1;
    }
    return daemon_.serve([this](packet& in) { serve(in); },
                         [this](const kernel::sys_error& err) {
                           answer_failure(0, {err.code, err.operation});
                         });
  }

private:
  // A mount namespace with nothing in it but the directories holders need:
  // cloning it costs tens of microseconds, whatever the host has mounted.
  failure settle() {
    ::setsid();
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // Holders keep descriptors for all processes of their container, and can
    // give these no more than they have.
    kernel::raise_own_rlimits();
    std::signal(SIGCHLD, SIG_IGN); // holders are watched by pidfd, not reaped
    proc_ = unique_fd::adopt(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    own_pid_ns_ =
        unique_fd::adopt(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!proc_ || !own_pid_ns_)
      return {errno, "open /proc"};
    if (::unshare(CLONE_NEWNS) != 0
        || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return {errno, "make a mount namespace"};
    auto fs = unique_fd::adopt(::fsopen("tmpfs", FSOPEN_CLOEXEC));
    if (!fs || ::fsconfig(fs.get(), FSCONFIG_SET_STRING, "mode", "0755", 0) != 0
        || ::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
      return {errno, "make a tmpfs"};
    auto root = unique_fd::adopt(
        ::fsmount(fs.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID));
    if (!root
        || ::move_mount(root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH)
               != 0
        || ::fchdir(root.get()) != 0)
      return {errno, "attach the tmpfs"};
    for (const auto* name : {layout::proc, layout::stage})
      if (::mkdirat(root.get(), name + 1, 0755) != 0)
        return {errno, "make a directory"};
    if (::syscall(SYS_pivot_root, ".", ".") != 0
        || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
      return {errno, "leave the host's file systems"};
    return {};
  }

  void answer_failure(std::uint64_t id, const failure& err) {
    auto body = kernel::wire::encode(start_failed_report{err.code, err.step});
    daemon_.answer(static_cast<std::uint16_t>(message::start_failed), id, body);
  }

  void serve(packet& in) {
    birth from;
    unique_fd cgroup;
    if (in.type != static_cast<std::uint16_t>(message::start_holder)
        || !unpack(in, from, cgroup)) {
      answer_failure(in.id, {EPROTO, "read the start order"});
      return;
    }
    auto pid = -1;
    unique_fd pidfd;
    if (auto err = start(from, cgroup, pid, pidfd); err.code != 0) {
      answer_failure(in.id, err);
      return;
    }
    auto fd = pidfd.get();
    daemon_.answer(static_cast<std::uint16_t>(message::holder_started), in.id,
                   kernel::wire::encode(holder_started_report{pid}), {&fd, 1});
    if (daemon_.is_lost()) // nobody would ever know of this holder
      ::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
  }

  static bool unpack(packet& in, birth& from, unique_fd& cgroup) {
    auto& order = from.order;
    if (!kernel::wire::decode(in.body, order) || order.modes.size() != ns_kinds)
      return false;
    auto joined = 0U;
    for (auto mode : order.modes) {
      if (mode > ns_mode::joined)
        return false;
      joined += mode == ns_mode::joined ? 1U : 0U;
    }
    auto expected = 2U + order.join_count + order.home_count
                    + (order.has_cgroup_dir ? 1U : 0U) + joined;
    if (in.fds.size() != expected)
      return false;
    auto next = in.fds.begin();
    auto take = [&next](std::vector<unique_fd>& into, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i)
        into.push_back(std::move(*next++));
    };
    from.control = std::move(*next++);
    from.limits_socket = std::move(*next++);
    take(from.join, order.join_count);
    take(from.home, order.home_count);
    if (order.has_cgroup_dir)
      cgroup = std::move(*next++);
    take(from.joined, joined);
    return true;
  }

  failure start(birth& from, unique_fd& cgroup, int& pid, unique_fd& pidfd) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data())
        != 0)
      return {errno, "socketpair"};
    auto ours = unique_fd::adopt(pair[0]);
    auto theirs = unique_fd::adopt(pair[1]);
    auto pid_mode = from.order.modes[static_cast<std::size_t>(ns_kind::pid)];
    if (pid_mode == ns_mode::joined
        && ::setns(from.joined.front().get(), CLONE_NEWPID) != 0)
      return {errno, "join the pid namespace"};
    auto raw_pidfd = -1;
    clone_args args{};
    args.flags = CLONE_NEWNS | CLONE_PIDFD;
    if (pid_mode == ns_mode::fresh)
      args.flags |= CLONE_NEWPID;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&raw_pidfd);
    args.exit_signal = SIGCHLD;
    if (cgroup) {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(cgroup.get());
    }
    auto until = clock::now() + birth_timeout;
    auto child = ::syscall(SYS_clone3, &args, sizeof(args));
    auto clone_errno = errno;
    if (child == 0) {
      ours.reset();
      cgroup.reset();
      live(from, std::move(theirs));
    }
    if (pid_mode == ns_mode::joined
        && ::setns(own_pid_ns_.get(), CLONE_NEWPID) != 0)
      ::_exit(1); // never clone the next holder into a stranger's namespace
    if (child < 0)
      return {clone_errno, "clone a holder"};
    pid = static_cast<int>(child);
    pidfd = unique_fd::adopt(raw_pidfd);
    theirs.reset();
    auto err = midwife(from, ours.get(), pid, until);
    if (err.code != 0)
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    return err;
  }

  // In the newborn.
  [[noreturn]] void live(birth& from, unique_fd channel) {
    auto outer = leaves_our_pid_namespace(from);
    ::close(daemon_.socket());
    own_pid_ns_.reset();
    from.proc = proc_.get();
    ::setsid();
    ::prctl(PR_SET_NAME, "reeve-holder");
    pid_one_setup setup;
    setup.control = std::move(from.control);
    setup.has_pid_namespace =
        from.order.modes[static_cast<std::size_t>(ns_kind::pid)]
        == ns_mode::fresh;
    setup.daemon_has_no_pid = outer;
    setup.rlimits = rlimits_;
    auto own = come_to_life(from, channel.get());
    channel.reset();
    proc_.reset();
    from = {};
    setup.listener = std::move(own.listener);
    setup.oom_score = std::move(own.oom_score);
    // PID 1 lives as long as its container, and its children inherit all it
    // has: nothing of the host's may be among it, whoever forgot to close it.
    if (!close_all_but({0, 1, 2, setup.control.get(), setup.listener.get(),
                        setup.oom_score.get(), kernel::holder::listener_path_fd,
                        kernel::holder::limits_socket_fd}))
      ::_exit(1);
    run_pid_one(std::move(setup));
  }

  // Joined, a pid namespace may still be ours: that of a container which
  // shares the host's.
  [[nodiscard]] bool leaves_our_pid_namespace(const birth& from) const {
    switch (from.order.modes[static_cast<std::size_t>(ns_kind::pid)]) {
    case ns_mode::fresh:
      return true;
    case ns_mode::host:
      return false;
    case ns_mode::joined:
      break;
    }
    struct stat own {};
    struct stat joined {};
    return ::fstat(own_pid_ns_.get(), &own) == 0
           && ::fstat(from.joined.front().get(), &joined) == 0
           && own.st_ino != joined.st_ino;
  }

  // Until the newborn says that it is ready, or how it failed.
  failure midwife(const birth& from, int channel, int pid,
                  clock::time_point until) {
    using std::chrono::milliseconds;
    for (;;) {
      auto left = std::chrono::ceil<milliseconds>(until - clock::now());
      pollfd wait{channel, POLLIN, 0};
      auto ready =
          ::poll(&wait, 1, static_cast<int>(std::max(left.count(), 0L)));
      if (ready < 0 && errno == EINTR)
        continue;
      if (ready == 0)
        return {ETIMEDOUT, "wait for the holder's set-up"};
      birth_note note{};
      if (::recv(channel, &note, sizeof(note), 0) != sizeof(note))
        return {ECHILD, "the holder died during its set-up"};
      switch (note.what) {
      case birth_note::kind::ready:
        return {};
      case birth_note::kind::map_me: {
        if (auto err = write_maps(from, pid); err.code != 0)
          return err;
        birth_note answer{birth_note::kind::mapped, 0, {}};
        if (::send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) < 0
            && errno != EPIPE) // it has died, as is seen next
          return {errno, "tell the holder that its ids are mapped"};
        break;
      }
      case birth_note::kind::failed:
      case birth_note::kind::mapped:
        note.step[sizeof(note.step) - 1] = '\0';
        return {note.code != 0 ? note.code : EPROTO, note.step};
      }
    }
  }

  // The newborn waits for us, so its pid cannot have been reused.
  failure write_maps(const birth& from, int pid) {
    std::array<char, 64> line{};
    auto size = std::snprintf(line.data(), line.size(), "0 %u %u\n",
                              from.order.id_base, from.order.id_count);
    for (const auto* file : {"uid_map", "gid_map"}) {
      auto path = std::to_string(pid) + "/" + file;
      auto fd = unique_fd::adopt(
          ::openat(proc_.get(), path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!fd
          || ::write(fd.get(), line.data(), static_cast<std::size_t>(size))
                 != size)
        return {errno, "write /proc/" + path};
    }
    return {};
  }

  daemon_link daemon_;
  kernel::rlimit_array rlimits_ = kernel::usual_rlimits(); ///< of programs
  unique_fd proc_;
  unique_fd own_pid_ns_;
};

} // namespace

int run_zygote(int socket) {
  return zygote{socket}.run();
}

} // namespace reeve::holder
