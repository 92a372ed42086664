// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "holder/privileges.hpp"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace reeve::holder {

std::uint64_t bounding_set() noexcept {
  std::uint64_t out = 0;
  for (auto cap = 0; cap < 64; ++cap) {
    auto held = ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (held < 0)
      break; // past this kernel's last capability
    out |= static_cast<std::uint64_t>(held) << cap;
  }
  return out;
}

bool drop_from_bounding_set(std::uint64_t held, std::uint64_t kept) noexcept {
  for (auto cap = 0; cap < 64; ++cap)
    if (((held & ~kept) >> cap & 1U) != 0
        && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
      return false;
  return true;
}

bool keep_capabilities(std::uint64_t kept) noexcept {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &head, data.data()) != 0)
    return false;
  for (std::size_t half = 0; half < 2; ++half) {
    data[half].permitted &= static_cast<std::uint32_t>(kept >> (32 * half));
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  return ::syscall(SYS_capset, &head, data.data()) == 0;
}

bool install_filter(std::string& code) noexcept {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(code.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(code.data());
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

} // namespace reeve::holder
