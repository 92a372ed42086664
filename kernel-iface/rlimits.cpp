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
#include <string_view>

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
  return resource < std::size(names) ? names[resource] : "RLIMIT_?";
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

std::string to_string(const rlimit& limit) {
  auto text = [](rlim_t value) {
    return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
  };
  return text(limit.rlim_cur) + ":" + text(limit.rlim_max);
}

bool may_raise_rlimits() {
  // The number that the kernel gives to the first one, PROC_USER_INIT_INO.
  constexpr auto first = std::string_view{"user:[4026531837]"};
  char target[32];
  auto length = ::readlink("/proc/self/ns/user", target, sizeof target);
  return length > 0
         && std::string_view{target, static_cast<std::size_t>(length)} == first
         && is_effective(CAP_SYS_RESOURCE);
}

rlim_t most_rlimit(int resource) {
  auto hard = own(resource).rlim_max;
  if (!may_raise_rlimits())
    return hard;
  return resource == RLIMIT_NOFILE ? std::max(hard, nr_open()) : RLIM_INFINITY;
}

void raise_own_rlimits() {
  for (auto i = 0; i < RLIM_NLIMITS; ++i) {
    auto resource = static_cast<__rlimit_resource>(i);
    auto limit = own(i);
    if (i == RLIMIT_NOFILE)
      limit.rlim_cur = limit.rlim_max;
    limit.rlim_max = most_rlimit(i);
    if (i == RLIMIT_MEMLOCK || i == RLIMIT_MSGQUEUE || i == RLIMIT_SIGPENDING)
      limit.rlim_cur = limit.rlim_max;
    ::setrlimit(resource, &limit);
  }
}

} // namespace reeve::kernel
