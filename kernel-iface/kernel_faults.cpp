// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// In builds for tests only: any call of ours to the kernel can be made to fail.
// The linker puts these functions in front of those of the C library (--wrap of
// ld(1), see CMakeLists.txt), for all that is linked statically.
//
//   REEVE_KERNEL_FAULT_AT=N      the Nth call fails, with an error that it may
//                                have
//   REEVE_KERNEL_FAULT_IN=NAME   of all helper processes of this name (comm in
//                                proc(5)) together; else of the daemon
//   REEVE_KERNEL_FAULT_LOG=FILE  where they count the calls and say which one
//                                failed, as in kernel_faults.hpp; helpers need
//                                it, the daemon says it on standard error else

#include "kernel-iface/kernel_faults.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <linux/sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" {

// What they are called with is passed on as it came: six registers, however
// many of them mean something.
using word = long;

#define REEVE_REAL(name)                                                       \
  word __real_##name(word a, word b, word c, word d, word e, word f);

REEVE_REAL(open)
REEVE_REAL(write)

} // extern "C"

namespace {

using reeve::kernel::fault_log;

fault_log* open_log() {
  static fault_log own{};
  const auto* path = std::getenv("REEVE_KERNEL_FAULT_LOG");
  if (path == nullptr)
    return &own;
  auto fd = static_cast<int>(__real_open(reinterpret_cast<word>(path),
                                         O_RDWR | O_CLOEXEC, 0, 0, 0, 0));
  auto* at = ::mmap(nullptr, sizeof(fault_log), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
  if (at == MAP_FAILED)
    std::abort();
  return static_cast<fault_log*>(at); // no exec keeps it, all forks have it
}

/// As this program was started: a helper that is forked from it has no files.
struct settings {
  std::uint64_t at = 0;
  std::string_view in;
  fault_log* log = nullptr;

  settings() {
    const auto* number = std::getenv("REEVE_KERNEL_FAULT_AT");
    if (number == nullptr)
      return;
    at = std::strtoull(number, nullptr, 10);
    if (const auto* name = std::getenv("REEVE_KERNEL_FAULT_IN"))
      in = name;
    if (!in.empty() && std::getenv("REEVE_KERNEL_FAULT_LOG") == nullptr)
      std::abort(); // each of them would count for itself
    log = open_log();
  }
};

const settings settings_of_this_program;

bool is_meant(std::string_view in) {
  constexpr std::array<std::string_view, 3> helpers{
      "reeve-zygote", "reeve-broker", "reeve-holder"};
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  auto is_helper = std::ranges::find(helpers, name.data()) != helpers.end();
  return is_helper ? in == name.data() : in.empty();
}

/// From where addr2line(1) counts: a daemon's place in memory is not that of
/// the next one. The program itself is the first in the list.
std::uintptr_t load_base() {
  std::uintptr_t out = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        *static_cast<std::uintptr_t*>(into) = info->dlpi_addr;
        return 1;
      },
      &out);
  return out;
}

void say(fault_log& log, const char* call, std::uint64_t number) {
  std::array<void*, 12> callers{}; // addr2line(1) knows what they are
  auto depth = ::backtrace(callers.data(), static_cast<int>(callers.size()));
  auto base = load_base();
  auto size =
      std::snprintf(log.text, sizeof(log.text), "call %llu, %s, failed;",
                    static_cast<unsigned long long>(number), call);
  for (auto i = 0; i < depth; ++i)
    size += std::snprintf(
        log.text + size, sizeof(log.text) - size, " 0x%lx",
        reinterpret_cast<std::uintptr_t>(callers[static_cast<std::size_t>(i)])
            - base);
  if (std::getenv("REEVE_KERNEL_FAULT_LOG") != nullptr)
    return;
  __real_write(2, reinterpret_cast<word>(log.text), size, 0, 0, 0);
  ::backtrace_symbols_fd(callers.data(), depth, 2);
}

bool fails(const char* call, int code) {
  const auto& [at, in, log] = settings_of_this_program;
  if (log == nullptr || !is_meant(in))
    return false;
  auto number = ++log->calls;
  if (number != at)
    return false;
  say(*log, call, number);
  errno = code;
  return true;
}

} // namespace

#define REEVE_WRAP_IF(may_fail, name, code)                                    \
  extern "C" {                                                                 \
  REEVE_REAL(name)                                                             \
  word __wrap_##name(word a, word b, word c, word d, word e, word f) {         \
    if ((may_fail) && fails(#name, code))                                      \
      return -1;                                                               \
    return __real_##name(a, b, c, d, e, f);                                    \
  }                                                                            \
  }
#define REEVE_WRAP(name, code) REEVE_WRAP_IF(true, name, code)

// What a system call that has no function of its own can fail with.
constexpr int code_of(word number) {
  switch (number) {
  case SYS_pidfd_open:
    return EMFILE;
  case SYS_pidfd_send_signal: // SIGKILL takes no memory
  case SYS_close_range:
    return 0;
  case SYS_clone:
  case SYS_clone3:
    return EAGAIN;
  default:
    return ENOMEM;
  }
}

// The names are those of REEVE_WRAPPED in CMakeLists.txt.
REEVE_WRAP(open, EMFILE)
REEVE_WRAP(openat, EMFILE)
REEVE_WRAP(read, EIO)
REEVE_WRAP(pread, EIO)
REEVE_WRAP(write, ENOSPC)
REEVE_WRAP(pwrite, ENOSPC)
REEVE_WRAP(ftruncate, EIO)
REEVE_WRAP(fsync, EIO)
REEVE_WRAP(fstat, ENOMEM)
REEVE_WRAP(mkdir, ENOSPC)
REEVE_WRAP(mkdirat, ENOSPC)
REEVE_WRAP(mknodat, ENOSPC)
REEVE_WRAP(symlinkat, ENOSPC)
REEVE_WRAP(rename, ENOSPC)
REEVE_WRAP(unlink, EIO)
REEVE_WRAP(unlinkat, EBUSY)
REEVE_WRAP(chdir, EACCES)
REEVE_WRAP(fchown, EIO)
REEVE_WRAP_IF(static_cast<int>(b) == F_DUPFD_CLOEXEC, fcntl, EMFILE)
REEVE_WRAP(dup3, ENOMEM)
REEVE_WRAP(pipe2, EMFILE)
REEVE_WRAP(socket, EMFILE)
REEVE_WRAP(socketpair, EMFILE)
REEVE_WRAP(bind, ENOMEM)
REEVE_WRAP(accept4, EMFILE)
REEVE_WRAP(send, ENOBUFS)
REEVE_WRAP(sendmsg, ENOBUFS)
REEVE_WRAP(recv, ENOMEM)
REEVE_WRAP(recvmsg, ENOMEM)
REEVE_WRAP(fork, EAGAIN)
REEVE_WRAP(memfd_create, EMFILE)
REEVE_WRAP(sendfile, ENOMEM)
REEVE_WRAP(eventfd, EMFILE)
REEVE_WRAP(signalfd, EMFILE)
REEVE_WRAP(poll, ENOMEM)
// To change or end a watch takes no memory.
REEVE_WRAP_IF(static_cast<int>(b) == EPOLL_CTL_ADD, epoll_ctl, ENOMEM)
REEVE_WRAP(splice, ENOMEM)
REEVE_WRAP(unshare, ENOSPC)
REEVE_WRAP(setns, ENOMEM)
REEVE_WRAP(setgroups, ENOMEM)
REEVE_WRAP(setresgid, ENOMEM)
REEVE_WRAP(setresuid, EAGAIN)
REEVE_WRAP(mount, ENOMEM)
REEVE_WRAP(fsopen, EMFILE)
REEVE_WRAP(fsconfig, ENOMEM)
REEVE_WRAP(fsmount, EMFILE)
REEVE_WRAP(open_tree, EMFILE)
REEVE_WRAP(move_mount, ENOMEM)
REEVE_WRAP(mount_setattr, ENOMEM)
REEVE_WRAP_IF(code_of(a) != 0, syscall, code_of(a))
