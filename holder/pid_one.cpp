// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/pid_one.hpp"

#include "holder/process_table.hpp"
#include "holder/user_child.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/packet.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <deque>
#include <utility>

namespace reeve::holder {

namespace {

using namespace kernel::holder;
using kernel::packet;
using kernel::unique_fd;

std::int64_t read_clock_ns(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// What reports tell.
std::int64_t now_ns() {
  return read_clock_ns(CLOCK_REALTIME);
}

// What deadlines are measured by: the wall clock may be set.
std::int64_t elapsed_ns() {
  return read_clock_ns(CLOCK_MONOTONIC);
}

std::uint64_t microseconds(const timeval& value) {
  return static_cast<std::uint64_t>(value.tv_sec) * 1'000'000
         + static_cast<std::uint64_t>(value.tv_usec);
}

class pid_one {
public:
  explicit pid_one(pid_one_setup setup)
      : control_(std::move(setup.control)),
        listener_(std::move(setup.listener)),
        oom_score_(std::move(setup.oom_score)),
        has_pid_namespace_(setup.has_pid_namespace) {}

  [[noreturn]] void run() {
    block_signals();
    greet();
    for (;;)
      wait_and_serve();
  }

private:
  // -- the loop ---------------------------------------------------------------

  // PID 1 gets no signal from inside that it does not ask for; the host's
  // SIGTERM and friends shall not end a container behind its supervisor's back
  // either. SIGKILL from the host always works.
  void block_signals() {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signals_ =
        unique_fd::adopt(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void wait_and_serve() {
    polled_.clear();
    polled_.push_back({signals_.get(), POLLIN, 0});
    polled_.push_back({listener_.get(), POLLIN, 0});
    polled_.push_back(
        {control_.get(),
         static_cast<short>(outgoing_.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    for (auto& entry : table_.entries())
      if (entry.exec_status)
        polled_.push_back({entry.exec_status.get(), POLLIN, 0});
    if (::poll(polled_.data(), polled_.size(), next_timeout()) < 0)
      return; // EINTR, ENOMEM: look again
    if (polled_[1].revents != 0)
      admit();
    if (control_ && (polled_[2].revents & POLLOUT) != 0)
      flush();
    if (control_ && (polled_[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
      read_orders();
    auto starting = std::any_of(polled_.begin() + 3, polled_.end(),
                                [](const pollfd& p) { return p.revents != 0; });
    if (starting)
      check_starting();
    if (polled_[0].revents != 0)
      reap();
    if (deadline_ns_ != 0 && elapsed_ns() >= deadline_ns_)
      end();
  }

  [[nodiscard]] int next_timeout() const {
    if (deadline_ns_ == 0)
      return -1;
    auto left = (deadline_ns_ - elapsed_ns()) / 1'000'000 + 1;
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  // -- the daemon's connection ------------------------------------------------

  // One daemon at a time, and only from outside: in our pid namespace a peer
  // of an outer one has no pid.
  void admit() {
    auto peer = unique_fd::adopt(::accept4(listener_.get(), nullptr, nullptr,
                                           SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer)
      return;
    ucred cred{};
    socklen_t size = sizeof(cred);
    if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0
        || (has_pid_namespace_ && cred.pid != 0))
      return;
    if (control_) {
      read_orders(); // notices a daemon that has just died
      if (control_)
        return;
    }
    kernel::grow_packet_buffer(peer.get());
    control_ = std::move(peer);
    deadline_ns_ = 0;
    greet();
  }

  void greet() {
    report(0, hello_report{static_cast<std::uint32_t>(table_.entries().size()),
                           configured_});
    for (auto& entry : table_.entries())
      describe(entry, 0);
    report(0, hello_done_report{});
  }

  void describe(process_entry& entry, std::uint64_t id) {
    process_state_report state;
    state.process = entry.id;
    state.spec = entry.spec;
    state.ns_pid = entry.pid;
    state.started_at_ns = entry.started_at_ns;
    state.starting = entry.state == process_entry::phase::starting;
    state.ended = entry.state == process_entry::phase::ended;
    state.end = entry.end;
    std::vector<int> fds;
    unique_fd pidfd;
    if (!state.ended) {
      pidfd = unique_fd::adopt(
          static_cast<int>(::syscall(SYS_pidfd_open, entry.pid, 0)));
      if (pidfd) {
        state.carries |= carries_pidfd;
        fds.push_back(pidfd.get());
      }
    }
    state.carries |= stored(entry, fds);
    report(id, state, fds);
  }

  static std::uint8_t stored(const process_entry& entry,
                             std::vector<int>& fds) {
    std::uint8_t carries = 0;
    auto add = [&](const unique_fd& fd, std::uint8_t bit) {
      if (fd) {
        fds.push_back(fd.get());
        carries |= bit;
      }
    };
    add(entry.stdin_end, carries_stdin);
    add(entry.stdout_end, carries_stdout);
    add(entry.stderr_end, carries_stderr);
    add(entry.master, carries_master);
    return carries;
  }

  template <class Report>
  void report(std::uint64_t id, const Report& what,
              const std::vector<int>& fds = {}) {
    if (!control_)
      return; // the table has it all; the next daemon is told
    auto body = kernel::wire::encode(what);
    auto type = static_cast<std::uint16_t>(Report::type);
    if (outgoing_.empty()) {
      auto sent = kernel::send_packet(control_.get(), type, id, body, fds);
      if (sent)
        return;
      if (sent.error().code != EAGAIN)
        return owner_is_gone();
    }
    packet later{type, id, std::move(body), {}};
    for (auto fd : fds)
      later.fds.push_back(unique_fd::adopt(::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
    outgoing_.push_back(std::move(later));
  }

  void flush() {
    while (!outgoing_.empty()) {
      auto& next = outgoing_.front();
      std::vector<int> fds;
      for (const auto& fd : next.fds)
        fds.push_back(fd.get());
      auto sent = kernel::send_packet(control_.get(), next.type, next.id,
                                      next.body, fds);
      if (!sent) {
        if (sent.error().code != EAGAIN)
          owner_is_gone();
        return;
      }
      outgoing_.pop_front();
    }
  }

  void refuse(std::uint64_t id, int code, const char* operation) {
    report(id, refused_report{code, operation});
  }

  void owner_is_gone() {
    control_.reset();
    outgoing_.clear();
    if (on_owner_loss_ == owner_loss::keep)
      return;
    if (table_.entries().empty() || grace_ms_ == 0)
      end();
    for (auto& entry : table_.entries())
      if (entry.state != process_entry::phase::ended)
        ::kill(entry.pid, SIGTERM);
    deadline_ns_ =
        elapsed_ns() + static_cast<std::int64_t>(grace_ms_) * 1'000'000;
  }

  // The end of PID 1 is the end of its pid namespace.
  [[noreturn]] void end() {
    if (!has_pid_namespace_)
      for (auto& entry : table_.entries())
        if (entry.state != process_entry::phase::ended)
          ::kill(-entry.pid, SIGKILL);
    ::_exit(0);
  }

  // -- orders -----------------------------------------------------------------

  void read_orders() {
    // A bound, so that a flood of orders cannot starve the reaping.
    for (auto i = 0; i < 64 && control_; ++i) {
      packet in;
      auto got = kernel::receive_packet(control_.get(), in);
      if (!got) {
        if (got.error().code != EPROTO)
          return owner_is_gone();
        refuse(0, EPROTO, "read an order");
        continue;
      }
      if (*got == kernel::reception::closed)
        return owner_is_gone();
      if (*got == kernel::reception::empty)
        return;
      carry_out(in);
    }
  }

  template <class Order>
  bool decode(packet& in, Order& order) {
    if (kernel::wire::decode(in.body, order))
      return true;
    refuse(in.id, EPROTO, "decode an order");
    return false;
  }

  void carry_out(packet& in) {
    switch (static_cast<message>(in.type)) {
    case message::configure:
      if (configure_order order; decode(in, order))
        configure(in.id, order);
      return;
    case message::spawn:
      if (spawn_order order; decode(in, order))
        spawn(in, std::move(order));
      return;
    case message::signal:
      if (signal_order order; decode(in, order))
        signal(in.id, order);
      return;
    case message::resize:
      if (resize_order order; decode(in, order))
        resize(in.id, order);
      return;
    case message::release:
      if (release_order order; decode(in, order))
        release(in.id, order);
      return;
    case message::acknowledge:
      if (acknowledge_order order; decode(in, order))
        acknowledge(order);
      return;
    case message::quit:
      end();
    case message::seal:
      if (seal_order order; decode(in, order))
        seal(in.id, order);
      return;
    case message::hello:
    case message::process_state:
    case message::hello_done:
    case message::configured:
    case message::spawned:
    case message::spawn_failed:
    case message::exited:
    case message::refused:
    case message::done:
      break;
    }
    refuse(in.id, ENOSYS, "carry out an unknown order");
  }

  void seal(std::uint64_t id, seal_order& order) {
    if (sealed_)
      return refuse(id, EALREADY, "seal");
    if (!order.seccomp.empty() && !install_filter(order.seccomp))
      return refuse(id, errno, "install the seccomp filter");
    if (!keep_capabilities(order.keep_capabilities))
      return refuse(id, errno, "drop capabilities");
    clone3_guard_ = std::move(order.clone3_guard);
    sealed_ = true;
    report(id, done_report{});
  }

  void configure(std::uint64_t id, const configure_order& order) {
    if (configured_)
      return refuse(id, EALREADY, "configure");
    if (!sealed_)
      return refuse(id, EAGAIN, "configure before seal");
    // The broker has switched our root; nothing of the container has run yet,
    // so this is the one time a path of it is safe to walk. No descriptor of
    // the old root may stay: a checkpoint could not describe it.
    if (::chdir("/") != 0)
      return refuse(id, errno, "enter the root");
    auto null = unique_fd::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null)
      return refuse(id, errno, "open /dev/null");
    for (auto fd = 0; fd < 3; ++fd)
      if (::dup2(null.get(), fd) < 0)
        return refuse(id, errno, "re-open stdio");
    if (!order.hostname.empty()
        && ::sethostname(order.hostname.data(), order.hostname.size()) != 0)
      return refuse(id, errno, "set the host name");
    on_owner_loss_ = order.on_owner_loss;
    grace_ms_ = order.owner_loss_grace_ms;
    configured_ = true;
    report(id, configured_report{});
  }

  // Installed here once, inherited by every process: a fork shares the program
  // by reference, where installing it per process would compile it each time.
  static bool install_filter(std::string& code) {
    sock_fprog program{};
    program.len =
        static_cast<unsigned short>(code.size() / sizeof(sock_filter));
    program.filter = reinterpret_cast<sock_filter*>(code.data());
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  }

  static bool keep_capabilities(std::uint64_t wanted) {
    for (auto cap = 0; cap < 64; ++cap) {
      auto held = ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
      if (held < 0)
        break; // past this kernel's last capability
      if (held == 1 && (wanted >> cap & 1U) == 0
          && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
        return false;
    }
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &head, data.data()) != 0)
      return false;
    for (std::size_t half = 0; half < 2; ++half) {
      auto bits = static_cast<std::uint32_t>(wanted >> (32 * half));
      data[half].permitted &= bits;
      data[half].effective = data[half].permitted;
      data[half].inheritable = 0;
    }
    return ::syscall(SYS_capset, &head, data.data()) == 0;
  }

  void spawn(packet& in, spawn_order&& order) {
    auto process = order.process;
    if (auto* known = table_.find(process)) {
      describe(*known, in.id);
      return;
    }
    if (table_.was_forgotten(process))
      return refuse(in.id, ESTALE,
                    "spawn a process that was already forgotten");
    if (!configured_)
      return refuse(in.id, EAGAIN, "spawn before configure");
    if (table_.is_full())
      return spawn_failed(in.id, process, {}, ENOSPC);
    auto passed = order.stdio == stdio_mode::passed ? 3U : 0U;
    auto expected =
        order.join_count + (order.has_cgroup_dir ? 1U : 0U) + passed;
    if (in.fds.size() != expected || order.argv.empty()
        || order.stdio > stdio_mode::passed)
      return refuse(in.id, EPROTO, "read the spawn order");
    start(in, std::move(order));
  }

  void start(packet& in, spawn_order&& order) {
    child_plan plan;
    auto next = in.fds.begin();
    for (auto i = 0; i < order.join_count; ++i)
      plan.join.push_back(std::move(*next++));
    auto cgroup = order.has_cgroup_dir ? std::move(*next++) : unique_fd{};
    auto& entry = table_.add(order.process);
    entry.spec = std::move(order.spec);
    auto ok = true;
    if (order.stdio == stdio_mode::passed) {
      plan.stdin_end = std::move(*next++);
      plan.stdout_end = std::move(*next++);
      plan.stderr_end = std::move(*next++);
    } else if (order.stdio == stdio_mode::pipes) {
      ok = (!order.has_stdin || make_pipe(plan.stdin_end, entry.stdin_end))
           && make_pipe(entry.stdout_end, plan.stdout_end)
           && make_pipe(entry.stderr_end, plan.stderr_end);
    }
    std::array<int, 2> pair{-1, -1};
    ok = ok
         && ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data())
                == 0;
    auto code = errno;
    auto theirs = unique_fd::adopt(pair[1]);
    entry.exec_status = unique_fd::adopt(pair[0]);
    plan.order = std::move(order);
    plan.clone3_guard = clone3_guard_;
    child_note note;
    auto pid = -1L;
    if (ok) {
      pid = fork_scored(plan.order.oom_score_adj, cgroup.get(), entry.pidfd,
                        note);
      code = errno;
    }
    if (pid == 0) {
      control_.reset();
      become_program(plan, theirs.get());
    }
    if (pid < 0) {
      auto process = entry.id;
      table_.forget(entry);
      return spawn_failed(in.id, process, note, code);
    }
    entry.pid = static_cast<pid_t>(pid);
    entry.started_at_ns = now_ns();
  }

  // A child that is not dumpable may not even write its own oom_score_adj, and
  // the program's first children shall have it, too: so it is inherited.
  long fork_scored(std::int32_t score, int cgroup, unique_fd& pidfd,
                   child_note& note) {
    if (score == no_oom_score_adj)
      return fork_into(cgroup, pidfd);
    std::array<char, 16> own{};
    auto text = std::to_string(score);
    auto size = ::pread(oom_score_.get(), own.data(), own.size(), 0);
    if (size <= 0
        || ::pwrite(oom_score_.get(), text.data(), text.size(), 0) < 0) {
      note.step = spawn_step::set_oom_score;
      text.copy(note.subject, sizeof(note.subject) - 1);
      return -1;
    }
    auto pid = fork_into(cgroup, pidfd);
    auto code = errno;
    if (pid == 0)
      return 0;
    // Else those that name no score would have this one.
    if (::pwrite(oom_score_.get(), own.data(), static_cast<std::size_t>(size),
                 0)
            < 0
        && pid > 0) {
      code = errno;
      note.step = spawn_step::set_oom_score;
      ::kill(static_cast<pid_t>(pid), SIGKILL); // reaped as an orphan
      pid = -1;
    }
    errno = code;
    return pid;
  }

  // A real fork, not vfork: a child that enters a frozen group, or whose
  // program lies on a hung file system, must not stop PID 1.
  static long fork_into(int cgroup, unique_fd& pidfd) {
    auto raw = -1;
    clone_args args{};
    args.flags = CLONE_PIDFD;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&raw);
    args.exit_signal = SIGCHLD;
    if (cgroup >= 0) {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(cgroup);
    }
    auto pid = ::syscall(SYS_clone3, &args, sizeof(args));
    if (pid > 0)
      pidfd = unique_fd::adopt(raw);
    return pid;
  }

  static bool make_pipe(unique_fd& reads, unique_fd& writes) {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
      return false;
    reads = unique_fd::adopt(fds[0]);
    writes = unique_fd::adopt(fds[1]);
    return true;
  }

  void spawn_failed(std::uint64_t id, std::uint64_t process,
                    const child_note& note, int code) {
    spawn_failed_report out{process, note.step, code, {}};
    out.subject.assign(note.subject,
                       ::strnlen(note.subject, sizeof(note.subject)));
    report(id, out);
  }

  // -- children ---------------------------------------------------------------

  void check_starting() {
    for (auto it = table_.entries().begin(); it != table_.entries().end();) {
      auto& entry = *it++; // the entry may be dropped
      if (entry.exec_status)
        check_exec(entry);
    }
  }

  // End of file means that exec has closed the child's end: the program runs.
  // (Or that the child died before; then its end is reported next.)
  void check_exec(process_entry& entry) {
    for (;;) {
      child_note note{};
      unique_fd passed;
      auto size = receive_note(entry.exec_status.get(), note, passed);
      if (size < 0)
        return; // nothing yet
      if (size != sizeof(note))
        return executed(entry);
      if (note.what == child_note::kind::failed) {
        // Reaped as a nameless orphan: the failure says it all.
        spawn_failed(0, entry.id, note, note.code);
        table_.forget(entry);
        return;
      }
      entry.master = std::move(passed);
    }
  }

  static ssize_t receive_note(int socket, child_note& note, unique_fd& passed) {
    iovec part{&note, sizeof(note)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr msg{};
    msg.msg_iov = &part;
    msg.msg_iovlen = 1;
    msg.msg_control = control.data();
    msg.msg_controllen = control.size();
    auto size = ::recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0)
      return errno == EAGAIN || errno == EINTR ? -1 : 0;
    auto* c = CMSG_FIRSTHDR(&msg);
    if (c != nullptr && c->cmsg_type == SCM_RIGHTS
        && c->cmsg_len == CMSG_LEN(sizeof(int))) {
      auto fd = -1;
      std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
      passed = unique_fd::adopt(fd);
    }
    return size;
  }

  void executed(process_entry& entry) {
    entry.exec_status.reset();
    entry.state = process_entry::phase::running;
    spawned_report out{entry.id, entry.pid, 0};
    std::vector<int> fds;
    if (entry.pidfd) {
      fds.push_back(entry.pidfd.get());
      out.carries |= carries_pidfd;
    }
    out.carries |= stored(entry, fds);
    report(0, out, fds);
    entry.pidfd.reset();
  }

  void reap() {
    std::array<signalfd_siginfo, 8> drained{};
    while (::read(signals_.get(), drained.data(), sizeof(drained)) > 0)
      ;
    for (;;) {
      auto status = 0;
      rusage usage{};
      auto pid = ::wait4(-1, &status, WNOHANG, &usage);
      if (pid <= 0)
        return;
      auto* entry = table_.find_pid(pid);
      if (entry == nullptr)
        continue; // an orphan of the container, or a failed start
      if (entry->exec_status) {
        check_exec(*entry); // its failure or success comes first
        entry = table_.find_pid(pid);
        if (entry == nullptr)
          continue;
      }
      entry->state = process_entry::phase::ended;
      entry->pidfd.reset();
      entry->end = {status, now_ns(), microseconds(usage.ru_utime),
                    microseconds(usage.ru_stime),
                    static_cast<std::uint64_t>(usage.ru_maxrss)};
      report(0, exited_report{entry->id, entry->end});
      if (!control_ && deadline_ns_ != 0)
        end_when_empty();
    }
  }

  void end_when_empty() {
    auto left = std::any_of(table_.entries().begin(), table_.entries().end(),
                            [](const auto& entry) {
                              return entry.state != process_entry::phase::ended;
                            });
    if (!left)
      end();
  }

  void signal(std::uint64_t id, const signal_order& order) {
    auto* entry = table_.find(order.process);
    if (entry == nullptr || entry->state == process_entry::phase::ended)
      return refuse(id, ESRCH, "signal");
    // Not reaped yet, so the pid is still this process's.
    auto target = order.whole_group ? -entry->pid : entry->pid;
    if (::kill(target, order.signo) != 0
        && !(order.whole_group && errno == ESRCH
             && ::kill(entry->pid, order.signo) == 0))
      return refuse(id, errno, "signal");
    report(id, done_report{});
  }

  void resize(std::uint64_t id, const resize_order& order) {
    auto* entry = table_.find(order.process);
    winsize size{order.rows, order.cols, 0, 0};
    if (entry == nullptr || !entry->master)
      return refuse(id, ENOTTY, "resize");
    if (::ioctl(entry->master.get(), TIOCSWINSZ, &size) != 0)
      return refuse(id, errno, "resize");
    report(id, done_report{});
  }

  void release(std::uint64_t id, const release_order& order) {
    if (auto* entry = table_.find(order.process)) {
      if ((order.streams & release_stdin) != 0)
        entry->stdin_end.reset();
      if ((order.streams & release_stdout) != 0) {
        entry->stdout_end.reset();
        entry->master.reset();
      }
      if ((order.streams & release_stderr) != 0)
        entry->stderr_end.reset();
      table_.forget_if_done(*entry);
    }
    report(id, done_report{}); // unknown is done: the order may be a repeat
  }

  void acknowledge(const acknowledge_order& order) {
    if (auto* entry = table_.find(order.process)) {
      entry->acknowledged = true;
      table_.forget_if_done(*entry);
    }
  }

  unique_fd control_;
  unique_fd listener_;
  unique_fd oom_score_;
  unique_fd signals_;
  bool has_pid_namespace_;
  bool sealed_ = false;
  bool configured_ = false;
  owner_loss on_owner_loss_ = owner_loss::stop;
  std::uint32_t grace_ms_ = 0;
  std::int64_t deadline_ns_ = 0;
  std::string clone3_guard_;
  process_table table_;
  std::deque<packet> outgoing_;
  std::vector<pollfd> polled_;
};

} // namespace

void run_pid_one(pid_one_setup setup) {
  pid_one{std::move(setup)}.run();
}

} // namespace reeve::holder
