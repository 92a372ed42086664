// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/rlimits.hpp"

#include "kernel-iface/capabilities.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace reeve::kernel {

namespace {

constexpr rlim_t usual_descriptors = 1024;

// By number, as the kernel has them; glibc has an enum.
rlimit own(int resource) {
  rlimit out{RLIM_INFINITY, RLIM_INFINITY};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &out);
  return out;
}

/// 0 if it cannot be read.
rlim_t nr_open() {
  auto fd =
      unique_fd::adopt(::open("/proc/sys/fs/nr_open", O_RDONLY | O_CLOEXEC));
  char text[24];
  auto length = fd ? ::read(fd.get(), text, sizeof text) : -1;
  auto out = rlim_t{0};
  if (length > 0)
    std::from_chars(text, text + length, out);
  return out;
}

} // namespace

const char* rlimit_name(std::size_t resource) {
  static constexpr const char* names[] = {
      "RLIMIT_CPU",      "RLIMIT_FSIZE", "RLIMIT_DATA",   "RLIMIT_STACK",
      "RLIMIT_CORE",     "RLIMIT_RSS",   "RLIMIT_NPROC",  "RLIMIT_NOFILE",
      "RLIMIT_MEMLOCK",  "RLIMIT_AS",    "RLIMIT_LOCKS",  "RLIMIT_SIGPENDING",
      "RLIMIT_MSGQUEUE", "RLIMIT_NICE",  "RLIMIT_RTPRIO", "RLIMIT_RTTIME"};
  static_assert(std::size(names) == RLIM_NLIMITS);
  return resource < std::size(names) ? names[resource] : "a limit";
}

rlimit_array own_rlimits() {
  rlimit_array out{};
  for (auto i = 0; i < RLIM_NLIMITS; ++i)
    out[static_cast<std::size_t>(i)] = own(i);
  return out;
}

rlimit_array usual_rlimits() {
  auto out = own_rlimits();
  auto& descriptors = out[RLIMIT_NOFILE];
  descriptors.rlim_cur = std::min(descriptors.rlim_cur, usual_descriptors);
  return out;
}

rlim_t most_rlimit(int resource) {
  auto hard = own(resource).rlim_max;
  if (!is_effective(CAP_SYS_RESOURCE))
    return hard;
  return resource == RLIMIT_NOFILE ? std::max(hard, nr_open()) : RLIM_INFINITY;
}

void raise_own_rlimits() {
  for (auto i = 0; i < RLIM_NLIMITS; ++i) {
    auto resource = static_cast<__rlimit_resource>(i);
    auto limit = own(i);
    if (i == RLIMIT_NOFILE)
      limit.rlim_cur = limit.rlim_max;
    // The capability of a user namespace is worth nothing here.
    auto raised = rlimit{limit.rlim_cur, most_rlimit(i)};
    if (::setrlimit(resource, &raised) != 0)
      ::setrlimit(resource, &limit);
  }
}

} // namespace reeve::kernel
