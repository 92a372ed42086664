// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/seccomp_filter.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <limits>

namespace reeve::kernel {

namespace {

// x32 calls carry this bit in their number (asm/unistd.h, __X32_SYSCALL_BIT);
// no other ABI has numbers that high, so it is masked off everywhere. The
// default profile has no x32; other filters may.
constexpr std::uint32_t x32_bit = 0x40000000;

static_assert(SYS_clone3 == 435);

constexpr auto guard = std::array<sock_filter, 5>{{
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~x32_bit),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
}};

} // namespace

int install_seccomp_filter(std::span<const std::uint8_t> program) noexcept {
  auto length = program.size() / sizeof(sock_filter);
  if (program.size() % sizeof(sock_filter) != 0
      || length > std::numeric_limits<unsigned short>::max())
    return EINVAL;
  // The kernel copies the program and writes nothing; the interface lacks a
  // const. Alignment is of no concern to it either.
  auto* code = const_cast<std::uint8_t*>(program.data());
  auto prog = sock_fprog{static_cast<unsigned short>(length),
                         reinterpret_cast<sock_filter*>(code)};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
    return errno;
  return 0;
}

std::span<const std::uint8_t> clone3_guard() noexcept {
  return {reinterpret_cast<const std::uint8_t*>(guard.data()), sizeof(guard)};
}

} // namespace reeve::kernel
