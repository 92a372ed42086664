// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/services.hpp"

#include "kernel-iface/seccomp_profile.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace reeve::supervisor {

kernel::result<std::string> services::seccomp_for(kernel::capability_set caps) {
  std::lock_guard guard{seccomp_mutex_};
  auto found = seccomp_programs_.find(caps.bits());
  if (found != seccomp_programs_.end())
    return found->second;
  auto program = kernel::default_seccomp_profile(caps);
  if (!program)
    return tl::make_unexpected(std::move(program.error()));
  std::string text(program->begin(), program->end());
  return seccomp_programs_.emplace(caps.bits(), std::move(text)).first->second;
}

int services::half_of_descriptors() {
  constexpr auto most = rlim_t{1} << 20U;
  rlimit limit{};
  auto half = rlim_t{0};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    half = std::min(limit.rlim_cur, most) / 2;
  return static_cast<int>(half);
}

} // namespace reeve::supervisor
