// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace reeve::config {

namespace {

using sv = std::string_view;

constexpr auto capabilities = std::to_array<sv>({"CHOWN",
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
                                                 "CHECKPOINT_RESTORE"});

constexpr auto rlimits =
    std::to_array<sv>({"cpu", "fsize", "data", "stack", "core", "rss", "nproc",
                       "nofile", "memlock", "as", "locks", "sigpending",
                       "msgqueue", "nice", "rtprio", "rttime"});

// Signal n stands at n - 1.
constexpr auto signals = std::to_array<sv>(
    {"HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",  "FPE",
     "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM", "STKFLT",
     "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",  "XCPU",
     "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"});

constexpr auto first_realtime = 34;
constexpr auto last_signal = 64;

std::optional<int> index_of(std::span<const sv> names, sv name) {
  auto i = std::find(names.begin(), names.end(), name);
  if (i == names.end())
    return std::nullopt;
  return static_cast<int>(i - names.begin());
}

std::optional<int> number_in(sv digits, int low, int high) {
  auto value = 0;
  auto last = digits.data() + digits.size();
  auto [end, err] = std::from_chars(digits.data(), last, value);
  if (err != std::errc{} || end != last || value < low || value > high)
    return std::nullopt;
  return value;
}

} // namespace

std::optional<int> capability_number(sv name) {
  if (name.starts_with("CAP_"))
    name.remove_prefix(4);
  return index_of(capabilities, name);
}

std::optional<int> rlimit_number(sv name) {
  return index_of(rlimits, name);
}

std::optional<int> signal_number(sv name) {
  if (auto number = number_in(name, 1, last_signal))
    return number;
  if (name.starts_with("SIG"))
    name.remove_prefix(3);
  if (name == "RTMIN")
    return first_realtime;
  if (name == "RTMAX")
    return last_signal;
  constexpr auto span = last_signal - first_realtime;
  if (name.starts_with("RTMIN+"))
    if (auto offset = number_in(name.substr(6), 0, span))
      return first_realtime + *offset;
  if (name.starts_with("RTMAX-"))
    if (auto offset = number_in(name.substr(6), 0, span))
      return last_signal - *offset;
  auto index = index_of(signals, name);
  return index ? std::optional{*index + 1} : std::nullopt;
}

std::span<const sv> capability_names() {
  return capabilities;
}

std::span<const sv> rlimit_names() {
  return rlimits;
}

std::span<const sv> signal_names() {
  return signals;
}

} // namespace reeve::config
