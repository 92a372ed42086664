// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/pid_one.hpp"

#include "holder/forking.hpp"
#include "holder/outbox.hpp"
#include "holder/privileges.hpp"
#include "holder/process_table.hpp"
#include "holder/user_child.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/packet.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
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

constexpr std::int64_t ns_per_ms = 1'000'000;

// A flood of dead orphans or of orders must not starve the other.
constexpr auto reaped_per_round = 256;
constexpr auto orders_per_round = 64;

// Without a descriptor for a peer there is no use in looking again at once.
constexpr auto listener_rest_ns = 1'000 * ns_per_ms;

// Daemons acknowledge; this is for one that does not.
constexpr std::size_t most_failures_kept = 64;

class pid_one {
public:
  explicit pid_one(pid_one_setup setup)
      : control_(std::move(setup.control)),
        listener_(std::move(setup.listener)),
        oom_score_(std::move(setup.oom_score)),
        has_pid_namespace_(setup.has_pid_namespace),
        daemon_has_no_pid_(setup.daemon_has_no_pid),
        rlimits_(setup.rlimits) {}

  [[noreturn]] void run() {
    block_signals();
    bounding_set_ = bounding_set();
    take_reserve();
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
    if (!signals_)
      ::_exit(1); // nothing of the container has run; whoever asked is told
  }

  void wait_and_serve() {
    polled_.clear();
    polled_.push_back({signals_.get(), POLLIN, 0});
    auto rests = listener_rests_until_ > elapsed_ns();
    polled_.push_back({rests ? -1 : listener_.get(), POLLIN, 0});
    polled_.push_back(
        {control_.get(),
         static_cast<short>(outbox_.wants_room() ? POLLIN | POLLOUT : POLLIN),
         0});
    for (auto& entry : table_.entries())
      if (entry.exec_status)
        polled_.push_back({entry.exec_status.get(), POLLIN, 0});
    auto first_ready = polled_.size();
    for (auto& entry : table_.entries())
      if (entry.ready_end)
        polled_.push_back({entry.ready_end.get(), POLLIN, 0});
    if (::poll(polled_.data(), polled_.size(), next_timeout()) < 0)
      return; // EINTR, ENOMEM: look again
    flush();
    if (control_ && (polled_[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
      read_orders();
    // What a dead daemon has ordered comes first. poll(2) looks at one after
    // the other: when it saw the next one there, it sees this one's end, too.
    auto rest_is_unread = control_ && (polled_[2].revents & POLLHUP) != 0;
    if (polled_[1].revents != 0 && !rest_is_unread)
      admit();
    auto any_of = [this](std::size_t first, std::size_t last) {
      return std::any_of(polled_.begin() + static_cast<std::ptrdiff_t>(first),
                         polled_.begin() + static_cast<std::ptrdiff_t>(last),
                         [](const pollfd& p) { return p.revents != 0; });
    };
    if (any_of(3, first_ready))
      check_starting();
    if (any_of(first_ready, polled_.size()))
      check_ready();
    if (polled_[0].revents != 0)
      note_children();
    if (children_wait_)
      reap();
    end_late_starts();
    if (deadline_ns_ != 0 && elapsed_ns() >= deadline_ns_)
      end();
  }

  [[nodiscard]] int next_timeout() {
    if (children_wait_)
      return 0;
    std::int64_t next = 0;
    auto consider = [&next](std::int64_t when) {
      if (when != 0 && (next == 0 || when < next))
        next = when;
    };
    consider(deadline_ns_);
    consider(outbox_.retry_at());
    auto now = elapsed_ns();
    if (listener_rests_until_ > now)
      consider(listener_rests_until_);
    for (const auto& entry : table_.entries())
      if (entry.exec_status)
        consider(entry.start_deadline_ns);
    if (next == 0)
      return -1;
    auto left = (next - now) / ns_per_ms + 1;
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  // -- the daemon's connection ------------------------------------------------

  // One daemon at a time, and only from outside: in our pid namespace a peer
  // of an outer one has no pid. Where the namespace is the daemon's own, what
  // keeps the container away is that the socket has no name.
  void admit() {
    auto peer = accept_peer();
    if (!peer)
      return;
    ucred cred{};
    socklen_t size = sizeof(cred);
    if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0
        || (daemon_has_no_pid_ && cred.pid != 0) || control_)
      return;
    kernel::grow_packet_buffer(peer.get());
    control_ = std::move(peer);
    deadline_ns_ = 0;
    greet();
  }

  // At the limit of descriptors the reserve makes room, for a daemon above all
  // must find its way in: it alone can acknowledge and release.
  unique_fd accept_peer() {
    auto accept_one = [this] {
      return unique_fd::adopt(::accept4(listener_.get(), nullptr, nullptr,
                                        SOCK_CLOEXEC | SOCK_NONBLOCK));
    };
    take_reserve();
    auto peer = accept_one();
    if (!peer && (errno == EMFILE || errno == ENFILE)) {
      reserve_.reset();
      peer = accept_one();
    }
    if (!peer && errno != EAGAIN)
      listener_rests_until_ = elapsed_ns() + listener_rest_ns;
    return peer;
  }

  void take_reserve() {
    if (!reserve_)
      reserve_ = unique_fd::adopt(::fcntl(signals_.get(), F_DUPFD_CLOEXEC, 0));
  }

  void greet() {
    report(0, hello_report{static_cast<std::uint32_t>(table_.entries().size()),
                           configured_});
    for (auto& entry : table_.entries())
      describe<process_state_report>(entry, 0);
    report(0, hello_done_report{});
  }

  template <class Report>
  void describe(process_entry& entry, std::uint64_t id) {
    Report state;
    state.process = entry.id;
    state.spec = entry.spec;
    state.ns_pid = entry.pid;
    state.started_at_ns = entry.started_at_ns;
    state.starting = entry.state == process_entry::phase::starting;
    state.ready = entry.ready;
    state.ended = entry.state == process_entry::phase::ended;
    state.end = entry.end;
    state.failed_step = entry.failed_step;
    state.failed_code = entry.failed_code;
    state.failed_subject = entry.failed_subject;
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
    if (!control_ || is_mute_)
      return; // the table has it all; the next daemon is told
    outbox::report out{static_cast<std::uint16_t>(Report::type),
                       id,
                       kernel::wire::encode(what),
                       {}};
    if constexpr (requires { what.carries; })
      if (!fds.empty()) {
        auto bare = what;
        bare.carries = descriptors_withheld;
        out.bare_body = kernel::wire::encode(bare);
      }
    if (outbox_.send(control_.get(), std::move(out), fds, elapsed_ns())
        == outbox::peer::gone)
      fall_silent();
  }

  void flush() {
    if (control_
        && outbox_.flush(control_.get(), elapsed_ns()) == outbox::peer::gone)
      fall_silent();
  }

  // Nobody listens any more. But what he ordered until then is to be done: he
  // is gone for us when that is read.
  void fall_silent() {
    outbox_.clear();
    is_mute_ = true;
  }

  void refuse(std::uint64_t id, int code, const char* operation) {
    report(id, refused_report{code, operation});
  }

  void owner_is_gone() {
    control_.reset();
    outbox_.clear();
    is_mute_ = false;
    if (on_owner_loss_ == owner_loss::keep)
      return;
    if (!table_.has_living() || grace_ms_ == 0)
      end();
    for (auto& entry : table_.entries())
      if (entry.state != process_entry::phase::ended && entry.pid > 0)
        ::kill(entry.pid, SIGTERM);
    deadline_ns_ = elapsed_ns() + std::int64_t{grace_ms_} * ns_per_ms;
  }

  // The end of PID 1 is the end of its pid namespace.
  [[noreturn]] void end() {
    if (!has_pid_namespace_)
      for (auto& entry : table_.entries())
        if (entry.state != process_entry::phase::ended && entry.pid > 0)
          ::kill(-entry.pid, SIGKILL);
    ::_exit(0);
  }

  // -- orders -----------------------------------------------------------------

  void read_orders() {
    for (auto i = 0; i < orders_per_round && control_; ++i) {
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
        release(order);
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
    case message::annotate:
      if (annotate_order order; decode(in, order))
        annotate(order);
      return;
    case message::describe:
      if (describe_order order; decode(in, order))
        describe_again(in.id, order);
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
    case message::ready:
    case message::described:
      break;
    }
    refuse(in.id, ENOSYS, "carry out an unknown order");
  }

  void seal(std::uint64_t id, seal_order& order) {
    if (sealed_)
      return refuse(id, EALREADY, "seal");
    if (!order.seccomp.empty() && !install_filter(order.seccomp))
      return refuse(id, errno, "install the seccomp filter");
    if (!drop_from_bounding_set(bounding_set_, order.keep_capabilities)
        || !keep_capabilities(order.keep_capabilities))
      return refuse(id, errno, "drop capabilities");
    bounding_set_ &= order.keep_capabilities;
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

  void spawn(packet& in, spawn_order&& order) {
    auto process = order.process;
    if (auto* known = table_.find(process)) {
      if (known->failed_code != 0)
        return report_failure(*known, in.id);
      return describe<process_state_report>(*known, in.id);
    }
    if (table_.was_forgotten(process))
      return refuse(in.id, ESTALE,
                    "spawn a process that was already forgotten");
    if (!configured_)
      return refuse(in.id, EAGAIN, "spawn before configure");
    if (table_.is_full())
      return report(in.id,
                    spawn_failed_report{process, spawn_step::fork, ENOSPC, {}});
    auto passed = order.stdio == stdio_mode::passed ? 3U : 0U;
    auto expected =
        order.join_count + (order.has_cgroup_dir ? 1U : 0U) + passed;
    if (order.argv.empty() || order.stdio > stdio_mode::passed
        || (in.fds.size() != expected && !in.descriptors_lost))
      return refuse(in.id, EPROTO, "read the spawn order");
    table_.bound_failures(most_failures_kept);
    auto& entry = table_.add(process);
    entry.spec = std::move(order.spec);
    if (in.descriptors_lost) // ours, and nothing was started
      return fail_start(entry, {}, EMFILE, in.id);
    start(in, std::move(order), entry);
  }

  void start(packet& in, spawn_order&& order, process_entry& entry) {
    child_plan plan;
    auto next = in.fds.begin();
    for (auto i = 0; i < order.join_count; ++i)
      plan.join.push_back(std::move(*next++));
    auto cgroup = order.has_cgroup_dir ? std::move(*next++) : unique_fd{};
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
    if (ok && order.ready_fd != 0)
      ok = make_pipe(entry.ready_end, plan.ready_end)
           && ::fcntl(entry.ready_end.get(), F_SETFL, O_NONBLOCK) == 0;
    std::array<int, 2> pair{-1, -1};
    ok = ok
         && ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data())
                == 0;
    auto code = errno;
    auto theirs = unique_fd::adopt(pair[1]);
    entry.exec_status = unique_fd::adopt(pair[0]);
    child_note note;
    if (ok && !cgroup && !clone3_guard_.empty()) {
      note.step = spawn_step::set_seccomp;
      ok = guard_self();
      code = errno;
    }
    if (!ok)
      return fail_start(entry, note, code, in.id);
    plan.order = std::move(order);
    plan.clone3_guard = clone3_guard_;
    plan.bounding_set = bounding_set_;
    plan.rlimits = rlimits_;
    plan.inherited = kernel::own_rlimits(); // a daemon may have raised them
    entry.start_deadline_ns =
        elapsed_ns() + std::int64_t{plan.order.start_timeout_ms} * ns_per_ms;
    note = {};
    auto has_yet_to_join = false;
    auto pid =
        fork_child({cgroup.get(), plan.order.oom_score_adj, oom_score_.get()},
                   entry.pidfd, note, has_yet_to_join);
    code = errno;
    if (pid == 0) {
      if (cgroup && !has_yet_to_join)
        plan.join.clear();
      become_program(plan, theirs.get());
    }
    if (pid < 0)
      return fail_start(entry, note, code, in.id);
    entry.pid = static_cast<pid_t>(pid);
    entry.started_at_ns = now_ns();
  }

  // Who is not born into a cgroup is born by clone, so the guard over clone3
  // can be our own: children get it by reference, where in each of them the
  // kernel would check and compile it again.
  bool guard_self() {
    if (!install_filter(clone3_guard_))
      return false;
    clone3_guard_.clear();
    return true;
  }

  // An end like any other: the daemon may die before it hears of it.
  void fail_start(process_entry& entry, const child_note& note, int code,
                  std::uint64_t id = 0) {
    entry.state = process_entry::phase::ended;
    entry.pid = -1; // reaped as a nameless orphan
    entry.end.wait_status = 127 << 8;
    entry.end.ended_at_ns = now_ns();
    entry.failed_step = note.step;
    entry.failed_code = code != 0 ? code : EPROTO;
    entry.failed_subject.assign(note.subject,
                                ::strnlen(note.subject, sizeof(note.subject)));
    for (auto* fd :
         {&entry.exec_status, &entry.ready_end, &entry.pidfd, &entry.stdin_end,
          &entry.stdout_end, &entry.stderr_end, &entry.master})
      fd->reset();
    report_failure(entry, id);
  }

  void report_failure(const process_entry& entry, std::uint64_t id) {
    report(id, spawn_failed_report{entry.id, entry.failed_step,
                                   entry.failed_code, entry.failed_subject});
  }

  // -- children ---------------------------------------------------------------

  void check_starting() {
    for (auto& entry : table_.entries())
      if (entry.exec_status)
        check_exec(entry);
  }

  // End of file means that exec has closed the child's end: the program runs.
  // (Or that the child died before; then its end is reported next.)
  void check_exec(process_entry& entry) {
    while (entry.exec_status) {
      child_note note{};
      unique_fd passed;
      auto size = receive_note(entry.exec_status.get(), note, passed);
      if (size < 0)
        return; // nothing yet
      if (size != sizeof(note))
        return executed(entry);
      if (note.what == child_note::kind::failed)
        return fail_start(entry, note, note.code);
      if (!passed) // no room for the master: a program that nobody can talk to
        return abort_start(entry, note, EMFILE);
      entry.master = std::move(passed);
    }
  }

  // As with s6: whatever the process writes, the end of a line is what counts.
  void check_ready() {
    for (auto& entry : table_.entries())
      while (entry.ready_end && entry.state != process_entry::phase::ended) {
        std::array<char, 512> text{};
        auto size = ::read(entry.ready_end.get(), text.data(), text.size());
        if (size < 0 && errno == EAGAIN)
          break;
        if (size < 0 && errno == EINTR)
          continue;
        if (size > 0
            && std::memchr(text.data(), '\n', static_cast<std::size_t>(size))
                   == nullptr)
          continue;
        entry.ready_end.reset(); // or the process closed it and never will be
        if (size <= 0)
          break;
        entry.ready = true;
        report(0, ready_report{entry.id});
      }
  }

  // A child that hangs on the way to its program: on a FIFO for a passwd file,
  // a dead file server, or because it is frozen, and then dies when it thaws.
  void end_late_starts() {
    auto now = elapsed_ns();
    for (auto& entry : table_.entries())
      if (entry.exec_status && now >= entry.start_deadline_ns) {
        check_exec(entry); // it may have made it
        if (entry.exec_status)
          abort_start(entry, {child_note::kind::failed, spawn_step::execute},
                      ETIMEDOUT);
      }
  }

  void abort_start(process_entry& entry, const child_note& note, int code) {
    ::kill(entry.pid, SIGKILL); // not reaped yet, so it is still this child
    fail_start(entry, note, code);
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
      return errno == EINTR || kernel::is_for_later(errno) ? -1 : 0;
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

  void note_children() {
    std::array<signalfd_siginfo, 8> drained{};
    while (::read(signals_.get(), drained.data(), sizeof(drained)) > 0)
      ;
    children_wait_ = true;
  }

  void reap() {
    for (auto i = 0; i < reaped_per_round; ++i) {
      auto status = 0;
      rusage usage{};
      auto pid = ::wait4(-1, &status, WNOHANG, &usage);
      if (pid < 0 && errno == EINTR)
        continue;
      if (pid <= 0) {
        children_wait_ = false; // who dies from now on sends a signal
        return;
      }
      on_end(pid, status, usage);
    }
  }

  void on_end(pid_t pid, int status, const rusage& usage) {
    auto* entry = table_.find_pid(pid);
    if (entry == nullptr)
      return; // an orphan of the container, or a failed start
    if (entry->exec_status) {
      check_exec(*entry); // its failure or success comes first
      if (entry->failed_code != 0)
        return;
    }
    entry->state = process_entry::phase::ended;
    entry->exec_status.reset();
    entry->ready_end.reset();
    entry->pidfd.reset();
    entry->end = {status, now_ns(), microseconds(usage.ru_utime),
                  microseconds(usage.ru_stime),
                  static_cast<std::uint64_t>(usage.ru_maxrss)};
    report(0, exited_report{entry->id, entry->end});
    if (!control_ && deadline_ns_ != 0 && !table_.has_living())
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

  void release(const release_order& order) {
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
  }

  void acknowledge(const acknowledge_order& order) {
    if (auto* entry = table_.find(order.process)) {
      entry->acknowledged = true;
      table_.forget_if_done(*entry);
    }
  }

  void describe_again(std::uint64_t id, const describe_order& order) {
    if (auto* entry = table_.find(order.process))
      describe<described_report>(*entry, id);
    else
      refuse(id, ESRCH, "describe");
  }

  void annotate(annotate_order& order) {
    if (auto* entry = table_.find(order.process))
      entry->spec = std::move(order.spec);
  }

  unique_fd control_;
  unique_fd listener_;
  unique_fd oom_score_;
  unique_fd signals_;
  unique_fd reserve_; ///< given up for a daemon's connection
  bool has_pid_namespace_;
  bool daemon_has_no_pid_;
  kernel::rlimit_array rlimits_;
  std::uint64_t bounding_set_ = 0;
  bool sealed_ = false;
  bool configured_ = false;
  owner_loss on_owner_loss_ = owner_loss::stop;
  std::uint32_t grace_ms_ = 0;
  std::int64_t deadline_ns_ = 0;
  std::int64_t listener_rests_until_ = 0;
  bool children_wait_ = false; ///< dead ones, to be reaped
  std::string clone3_guard_;
  process_table table_;
  outbox outbox_;
  bool is_mute_ = false; ///< the daemon of this connection has gone
  std::vector<pollfd> polled_;
};

} // namespace

void run_pid_one(pid_one_setup setup) {
  pid_one{std::move(setup)}.run();
}

} // namespace reeve::holder
