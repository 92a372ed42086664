// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// In builds for tests only: any call of ours to the kernel can be made to fail.
// The linker puts these functions in front of those of the C library (--wrap of
// ld(1), see CMakeLists.txt), for our own objects and not for shared libraries.
//
//   REEVE_KERNEL_FAULT_AT=N      the Nth call fails, once
//   REEVE_KERNEL_FAULT_EVERY=N   every Nth does
//
// with an error that the call may have, and a line with its callers on standard
// error.

#include <execinfo.h>
#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

std::uint64_t setting(const char* name) {
  const auto* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

} // namespace

extern "C" {

// What they are called with is passed on as it came: six registers, however
// many of them mean something.
using word = long;

#define REEVE_REAL(name)                                                       \
  word __real_##name(word a, word b, word c, word d, word e, word f);

REEVE_REAL(write)

} // extern "C"

namespace {

bool fails(const char* call, int code) {
  static const auto at = setting("REEVE_KERNEL_FAULT_AT");
  static const auto every = setting("REEVE_KERNEL_FAULT_EVERY");
  static std::atomic<std::uint64_t> calls{0};
  if (at == 0 && every == 0)
    return false;
  auto now = ++calls;
  if (now != at && (every == 0 || now % every != 0))
    return false;
  std::array<char, 80> text{};
  auto size = std::snprintf(text.data(), text.size(),
                            "call %llu, %s, was made to fail\n",
                            static_cast<unsigned long long>(now), call);
  __real_write(2, reinterpret_cast<word>(text.data()), size, 0, 0, 0);
  std::array<void*, 12> callers{}; // addr2line(1) knows what they are
  auto depth = ::backtrace(callers.data(), static_cast<int>(callers.size()));
  ::backtrace_symbols_fd(callers.data(), depth, 2);
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
REEVE_WRAP(rename, ENOSPC)
REEVE_WRAP(unlink, EIO)
REEVE_WRAP(unlinkat, EBUSY)
REEVE_WRAP(socket, EMFILE)
REEVE_WRAP(socketpair, EMFILE)
REEVE_WRAP(sendmsg, ENOBUFS)
REEVE_WRAP(recvmsg, ENOMEM)
REEVE_WRAP(fork, EAGAIN)
REEVE_WRAP(eventfd, EMFILE)
// To change or end a watch takes no memory.
REEVE_WRAP_IF(static_cast<int>(b) == EPOLL_CTL_ADD, epoll_ctl, ENOMEM)
REEVE_WRAP(splice, ENOMEM)
REEVE_WRAP(syscall, ENOMEM)
