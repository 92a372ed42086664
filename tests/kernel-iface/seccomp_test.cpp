// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/seccomp_filter.hpp"
#include "kernel-iface/seccomp_profile.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <thread>

using namespace reeve::kernel;

namespace {

constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t eperm = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t enosys = SECCOMP_RET_ERRNO | ENOSYS;

const std::vector<std::uint8_t>& default_profile() {
  static const auto bytes =
      default_seccomp_profile(capability_set::container_default()).value();
  return bytes;
}

std::vector<std::uint8_t> profile_with(int capability) {
  auto caps = capability_set::container_default();
  caps.add(capability);
  return default_seccomp_profile(caps).value();
}

/// What the program answers, without a kernel: interprets the part of classic
/// BPF that seccomp programs consist of.
std::uint32_t verdict(std::span<const std::uint8_t> program,
                      const seccomp_data& call) {
  auto code = std::vector<sock_filter>(program.size() / sizeof(sock_filter));
  std::memcpy(code.data(), program.data(), program.size());
  std::uint32_t a = 0;
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const auto& at = code[pc];
    auto jump = [&](bool taken) { pc += taken ? at.jt : at.jf; };
    switch (at.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      std::memcpy(&a, reinterpret_cast<const char*>(&call) + at.k, sizeof a);
      break;
    case BPF_ALU | BPF_AND | BPF_K:
      a &= at.k;
      break;
    case BPF_JMP | BPF_JA:
      pc += at.k;
      break;
    case BPF_JMP | BPF_JEQ | BPF_K:
      jump(a == at.k);
      break;
    case BPF_JMP | BPF_JGT | BPF_K:
      jump(a > at.k);
      break;
    case BPF_JMP | BPF_JGE | BPF_K:
      jump(a >= at.k);
      break;
    case BPF_RET | BPF_K:
      return at.k;
    default:
      FAIL("unknown BPF instruction " << at.code);
    }
  }
  FAIL("the program ran off its end");
  return 0;
}

#ifdef __x86_64__
constexpr std::uint32_t native = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t native = AUDIT_ARCH_AARCH64;
#endif

std::uint32_t native_verdict(std::span<const std::uint8_t> program, long number,
                             std::uint64_t arg0 = 0) {
  auto call = seccomp_data{};
  call.arch = native;
  call.nr = static_cast<int>(number);
  call.args[0] = arg0;
  return verdict(program, call);
}

/// Runs `body` in a child under these filters; its return value, below 200, is
/// the answer. 200: filter refused; 300 + n: died of signal n.
template <class F>
int under(std::initializer_list<std::span<const std::uint8_t>> filters,
          F body) {
  auto pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (auto filter : filters)
      if (install_seccomp_filter(filter) != 0)
        ::_exit(200);
    ::_exit(body());
  }
  REQUIRE(pid > 0);
  auto status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 300 + WTERMSIG(status);
}

/// errno of one call under the default profile, 0 for success.
template <class... Args>
int refusal(long number, Args... args) {
  return under({default_profile()},
               [=] { return ::syscall(number, args...) < 0 ? errno : 0; });
}

} // namespace

TEST_CASE("seccomp: the kernel refuses what the default profile leaves out",
          "[kernel-iface][seccomp]") {
  // Arguments that would do no harm if the call came through: a real answer
  // (EFAULT, EINVAL, EBADF) then fails the test.
  CHECK(refusal(SYS_mount, 0L, 0L, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_umount2, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_pivot_root, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_move_mount, -1L, 0L, -1L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_open_tree, -1L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_keyctl, 0L, -3L, 0L) == EPERM);
  CHECK(refusal(SYS_add_key, 0L, 0L, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_request_key, 0L, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_bpf, -1L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_perf_event_open, 0L, 0L, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_open_by_handle_at, -1L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_reboot, 0L, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_swapon, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_init_module, 0L, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_kexec_load, 0L, 0L, 0L, -1L) == EPERM);
  CHECK(refusal(SYS_userfaultfd, -1L) == EPERM);
  CHECK(refusal(SYS_io_uring_setup, 0L, 0L) == EPERM);
  CHECK(refusal(SYS_setns, -1L, 0L) == EPERM);
  CHECK(refusal(SYS_unshare, long{CLONE_NEWUSER}) == EPERM);
  CHECK(refusal(SYS_clone, long{CLONE_NEWNS | SIGCHLD}, 0L, 0L, 0L, 0L)
        == EPERM);
  CHECK(refusal(SYS_socket, long{AF_VSOCK}, long{SOCK_STREAM}, 0L) == EPERM);
  CHECK(refusal(SYS_personality, 0x0040000L) == EPERM);
  CHECK(refusal(SYS_settimeofday, 0L, 0L) == EPERM);
}

TEST_CASE("seccomp: a call newer than the list does not exist",
          "[kernel-iface][seccomp]") {
  CHECK(refusal(1000L) == ENOSYS);
  CHECK(native_verdict(default_profile(), 450) == eperm);
  CHECK(native_verdict(default_profile(), 451) == allow);  // cachestat
  CHECK(native_verdict(default_profile(), 456) == allow);  // futex_requeue
  CHECK(native_verdict(default_profile(), 457) == enosys); // statmount
  CHECK(native_verdict(default_profile(), 461) == enosys); // lsm_list_modules
  CHECK(native_verdict(default_profile(), 462) == allow);  // mseal
  CHECK(native_verdict(default_profile(), 467) == enosys); // open_tree_attr
  CHECK(native_verdict(default_profile(), 469) == allow);  // file_setattr
  CHECK(native_verdict(default_profile(), 470) == enosys);
  CHECK(native_verdict(profile_with(CAP_SYS_ADMIN), 457) == allow);
  CHECK(native_verdict(profile_with(CAP_SYS_ADMIN), 467) == allow);
}

TEST_CASE("seccomp: ordinary programs notice nothing",
          "[kernel-iface][seccomp]") {
  CHECK(under({default_profile(), clone3_guard()},
              [] {
                auto null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
                auto pair = std::array<int, 2>{};
                if (null < 0
                    || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
                                    pair.data())
                           != 0)
                  return 1;
                if (::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0
                    || ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0)
                  return 2;
                // glibc tries clone3 first.
                auto ran = false;
                std::thread([&] { ran = true; }).join();
                if (!ran)
                  return 3;
                auto pid = ::fork();
                if (pid == 0) {
                  ::execl("/bin/busybox", "busybox", "true", nullptr);
                  ::_exit(127);
                }
                auto status = -1;
                if (pid < 0 || ::waitpid(pid, &status, 0) != pid || status != 0)
                  return 4;
                return ::unshare(CLONE_FS) == 0 ? 0 : 5;
              })
        == 0);
}

TEST_CASE("seccomp: debuggers work under the profile",
          "[kernel-iface][seccomp]") {
  CHECK(refusal(SYS_ptrace, long{PTRACE_TRACEME}, 0L, 0L, 0L) == 0);
}

TEST_CASE("seccomp: the holder has every call it makes as PID 1",
          "[kernel-iface][seccomp]") {
  for (long number : {SYS_clone3,
                      SYS_execve,
                      SYS_execveat,
                      SYS_waitid,
                      SYS_wait4,
                      SYS_kill,
                      SYS_pidfd_open,
                      SYS_pidfd_send_signal,
                      SYS_openat,
                      SYS_openat2,
                      SYS_accept4,
                      SYS_sendmsg,
                      SYS_recvmsg,
                      SYS_socketpair,
                      SYS_bind,
                      SYS_listen,
                      SYS_getsockopt,
                      SYS_epoll_ctl,
                      SYS_epoll_pwait,
                      SYS_epoll_create1,
                      SYS_ppoll,
                      SYS_signalfd4,
                      SYS_timerfd_create,
                      SYS_timerfd_settime,
                      SYS_prctl,
                      SYS_capset,
                      SYS_capget,
                      SYS_setresuid,
                      SYS_setresgid,
                      SYS_setgroups,
                      SYS_setrlimit,
                      SYS_prlimit64,
                      SYS_seccomp,
                      SYS_ioctl,
                      SYS_fchown,
                      SYS_setsid,
                      SYS_chdir,
                      SYS_fchdir,
                      SYS_umask,
                      SYS_close_range,
                      SYS_pipe2,
                      SYS_memfd_create,
                      SYS_mmap,
                      SYS_mprotect,
                      SYS_munmap,
                      SYS_mremap,
                      SYS_brk,
                      SYS_madvise,
                      SYS_dup3,
                      SYS_fcntl,
                      SYS_statfs,
                      SYS_fstatfs,
                      SYS_read,
                      SYS_write,
                      SYS_exit_group,
                      SYS_rt_sigreturn,
                      SYS_getdents64,
                      SYS_unlinkat,
                      SYS_mkdirat}) {
    INFO("syscall " << number);
    CHECK(native_verdict(default_profile(), number) == allow);
  }
  CHECK(native_verdict(default_profile(), SYS_clone, SIGCHLD) == allow);
  CHECK(native_verdict(default_profile(), SYS_socket, AF_UNIX) == allow);
}

TEST_CASE("seccomp: arguments are checked, and junk in the upper half of a "
          "register helps nobody",
          "[kernel-iface][seccomp]") {
  constexpr auto junk = std::uint64_t{1} << 32;
  const auto& profile = default_profile();
  CHECK(native_verdict(profile, SYS_socket, AF_VSOCK - 1) == allow);
  CHECK(native_verdict(profile, SYS_socket, AF_VSOCK) == eperm);
  CHECK(native_verdict(profile, SYS_socket, junk | AF_VSOCK) == eperm);
  CHECK(native_verdict(profile, SYS_socket, AF_VSOCK + 1) == allow);
  for (std::uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
        CLONE_NEWPID, CLONE_NEWNET}) {
    CHECK(native_verdict(profile, SYS_clone, flag | SIGCHLD) == eperm);
    CHECK(native_verdict(profile, SYS_clone, junk | flag) == eperm);
    CHECK(native_verdict(profile, SYS_unshare, flag) == eperm);
  }
  CHECK(native_verdict(profile, SYS_unshare, 0x80) == eperm); // CLONE_NEWTIME
  CHECK(native_verdict(profile, SYS_unshare, CLONE_FILES) == allow);
  CHECK(native_verdict(profile, SYS_personality, 0) == allow);
  CHECK(native_verdict(profile, SYS_personality, 8) == allow);
  CHECK(native_verdict(profile, SYS_personality, 0xffffffff) == allow);
  CHECK(native_verdict(profile, SYS_personality, ~0ULL) == allow);
  CHECK(native_verdict(profile, SYS_personality, 0x40000) == eperm);
}

TEST_CASE("seccomp: a capability brings its calls and no others",
          "[kernel-iface][seccomp]") {
  auto admin = profile_with(CAP_SYS_ADMIN);
  for (long number : {SYS_mount, SYS_umount2, SYS_setns, SYS_bpf, SYS_fsopen})
    CHECK(native_verdict(admin, number) == allow);
  CHECK(native_verdict(admin, SYS_unshare, CLONE_NEWNS) == allow);
  CHECK(native_verdict(admin, SYS_clone, CLONE_NEWUSER) == allow);
  for (long number :
       {SYS_keyctl, SYS_swapon, SYS_kexec_load, SYS_io_uring_setup, SYS_reboot,
        SYS_init_module, SYS_userfaultfd})
    CHECK(native_verdict(admin, number) == eperm);
  auto time = profile_with(CAP_SYS_TIME);
  CHECK(native_verdict(time, SYS_clock_settime) == allow);
  CHECK(native_verdict(time, SYS_mount) == eperm);
  auto none = default_seccomp_profile({}).value();
  CHECK(native_verdict(none, SYS_chroot) == eperm);
  CHECK(native_verdict(default_profile(), SYS_chroot) == allow);
}

#ifdef __x86_64__
TEST_CASE("seccomp: the other ABIs of the machine are no way around",
          "[kernel-iface][seccomp]") {
  auto call = seccomp_data{};
  auto ask = [&](std::uint32_t arch, unsigned number, std::uint64_t arg0 = 0) {
    call.arch = arch;
    call.nr = static_cast<int>(number);
    call.args[0] = arg0;
    return verdict(default_profile(), call);
  };
  CHECK(ask(AUDIT_ARCH_I386, 21) == eperm);  // mount
  CHECK(ask(AUDIT_ARCH_I386, 288) == eperm); // keyctl
  CHECK(ask(AUDIT_ARCH_I386, 120, CLONE_NEWNS) == eperm);
  CHECK(ask(AUDIT_ARCH_I386, 120, SIGCHLD) == allow);
  CHECK(ask(AUDIT_ARCH_I386, 11) == allow);           // execve
  CHECK(ask(AUDIT_ARCH_I386, 422) == allow);          // futex_time64
  CHECK(ask(AUDIT_ARCH_I386, 359, AF_INET) == allow); // socket
  CHECK(ask(AUDIT_ARCH_I386, 359, AF_VSOCK) == eperm);
  CHECK(ask(AUDIT_ARCH_I386, 102, 1) == eperm);  // socketcall(socket)
  CHECK(ask(AUDIT_ARCH_I386, 102, 3) == allow);  // socketcall(connect)
  CHECK(ask(AUDIT_ARCH_I386, 117, 21) == allow); // ipc(shmat)
  CHECK(ask(AUDIT_ARCH_I386, 1000) == enosys);
  constexpr unsigned x32 = 0x40000000;
  for (auto number : {165U /* mount */, 39U /* getpid */, 451U, 1000U})
    CHECK(ask(AUDIT_ARCH_X86_64, x32 | number) == enosys);
  CHECK(refusal(long{x32} | 39) == ENOSYS);
  CHECK(ask(AUDIT_ARCH_AARCH64, 172) == SECCOMP_RET_KILL_PROCESS);
  CHECK(ask(AUDIT_ARCH_AARCH64, 1000) == SECCOMP_RET_KILL_PROCESS);
}
#endif

TEST_CASE("seccomp: the guard hides clone3 in every ABI and nothing else",
          "[kernel-iface][seccomp]") {
  CHECK(refusal(SYS_clone3, 0L, 0L) == EINVAL); // the profile lets it in
  CHECK(under({default_profile(), clone3_guard()},
              [] { return ::syscall(SYS_clone3, nullptr, 0) < 0 ? errno : 0; })
        == ENOSYS);
  auto call = seccomp_data{};
  for (std::uint32_t arch :
       {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_I386},
        std::uint32_t{AUDIT_ARCH_AARCH64}}) {
    call.arch = arch;
    for (auto number = 0; number < 600; ++number) {
      call.nr = number;
      CHECK(verdict(clone3_guard(), call) == (number == 435 ? enosys : allow));
    }
  }
  call.nr = 0x40000000 | 435;
  CHECK(verdict(clone3_guard(), call) == enosys);
}

TEST_CASE("seccomp: a program that is none is refused",
          "[kernel-iface][seccomp]") {
  auto half = std::array<std::uint8_t, 12>{};
  CHECK(install_seccomp_filter(half) == EINVAL);
  CHECK(install_seccomp_filter({}) == EINVAL);
}

TEST_CASE("seccomp: the profile depends on the capabilities alone",
          "[kernel-iface][seccomp]") {
  CHECK(default_profile()
        == *default_seccomp_profile(capability_set::container_default()));
  CHECK(default_profile() != profile_with(CAP_SYS_ADMIN));
  CHECK(default_profile().size() / sizeof(sock_filter) < BPF_MAXINSNS);
}
