// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/capabilities.hpp"

#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <numeric>

namespace reeve::kernel {

namespace {

constexpr auto prefix = std::string_view{"CAP_"};

// The index is the number.
constexpr auto known =
    std::array<std::string_view, capability_count>{"CHOWN",
                                                   "DAC_OVERRIDE",
                                                   "DAC_READ_SEARCH",
                                                   "FOWNER",
                                                   "FSETID",
                                                   "KILL",
                                                   "SETGID",
                                                   "SETUID",
                                                   "SETPCAP",
                                                   "LINUX_IMMUTABLE",
                                                   "NET_BIND_SERVICE",
                                                   "NET_BROADCAST",
                                                   "NET_ADMIN",
                                                   "NET_RAW",
                                                   "IPC_LOCK",
                                                   "IPC_OWNER",
                                                   "SYS_MODULE",
                                                   "SYS_RAWIO",
                                                   "SYS_CHROOT",
                                                   "SYS_PTRACE",
                                                   "SYS_PACCT",
                                                   "SYS_ADMIN",
                                                   "SYS_BOOT",
                                                   "SYS_NICE",
                                                   "SYS_RESOURCE",
                                                   "SYS_TIME",
                                                   "SYS_TTY_CONFIG",
                                                   "MKNOD",
                                                   "LEASE",
                                                   "AUDIT_WRITE",
                                                   "AUDIT_CONTROL",
                                                   "SETFCAP",
                                                   "MAC_OVERRIDE",
                                                   "MAC_ADMIN",
                                                   "SYSLOG",
                                                   "WAKE_ALARM",
                                                   "BLOCK_SUSPEND",
                                                   "AUDIT_READ",
                                                   "PERFMON",
                                                   "BPF",
                                                   "CHECKPOINT_RESTORE"};

static_assert(known[CAP_SYS_ADMIN] == "SYS_ADMIN");
static_assert(known[CAP_SETFCAP] == "SETFCAP");
static_assert(known[CAP_CHECKPOINT_RESTORE] == "CHECKPOINT_RESTORE");

// Not std::toupper: names must not depend on the locale of an embedding
// service.
constexpr char to_upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// Upper case, without the prefix.
std::string canonical(std::string_view name) {
  auto out = std::string(name);
  std::transform(out.begin(), out.end(), out.begin(), to_upper);
  if (out.starts_with(prefix))
    out.erase(0, prefix.size());
  return out;
}

/// Levenshtein distance.
std::size_t edits(std::string_view a, std::string_view b) {
  auto row = std::vector<std::size_t>(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view name) {
  return *std::min_element(known.begin(), known.end(),
                           [name](std::string_view a, std::string_view b) {
                             return edits(name, a) < edits(name, b);
                           });
}

} // namespace

std::optional<int> capability_number(std::string_view name) {
  auto at = std::find(known.begin(), known.end(), canonical(name));
  if (at == known.end())
    return std::nullopt;
  return static_cast<int>(at - known.begin());
}

std::string capability_name(int number) {
  auto out = std::string(prefix);
  if (number >= 0 && number < capability_count)
    out += known[static_cast<std::size_t>(number)];
  else
    out += std::to_string(number);
  return out;
}

capability_set capability_set::container_default() noexcept {
  auto out = capability_set{};
  for (auto number :
       {CAP_AUDIT_WRITE, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
        CAP_KILL, CAP_MKNOD, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SETFCAP,
        CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT})
    out.add(number);
  return out;
}

result<capability_set>
capability_set::parse(const std::vector<std::string>& names) {
  auto out = capability_set{};
  for (const auto& name : names) {
    auto number = capability_number(name);
    if (!number)
      return make_error(EINVAL, "parse capability", "'" + name + "'",
                        "no capability has this name; the nearest is "
                            + std::string(nearest(canonical(name))));
    out.add(*number);
  }
  return out;
}

result<capability_set> capability_set::known_by_kernel() {
  static constexpr auto path = "/proc/sys/kernel/cap_last_cap";
  auto fd = unique_fd::adopt(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  auto text = std::array<char, 16>{};
  auto size = ::read(fd.get(), text.data(), text.size());
  if (size < 0)
    return last_error("read", path);
  auto last = -1;
  std::from_chars(text.data(), text.data() + size, last);
  if (last < 0 || last > 63)
    return make_error(EPROTO, "read", path, "a number below 64 was expected");
  return from_bits(~std::uint64_t{0} >> (63 - last));
}

std::vector<std::string> capability_set::names() const {
  auto out = std::vector<std::string>{};
  for (auto number = 0; number < 64; ++number)
    if (contains(number))
      out.push_back(capability_name(number));
  return out;
}

bool is_effective(int number) {
  auto header = __user_cap_header_struct{_LINUX_CAPABILITY_VERSION_3, 0};
  auto data = std::array<__user_cap_data_struct, 2>{};
  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return false;
  auto word = data[CAP_TO_INDEX(static_cast<unsigned>(number))].effective;
  return (word & CAP_TO_MASK(static_cast<unsigned>(number))) != 0;
}

} // namespace reeve::kernel
