// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/container_spec.hpp"

#include "config/text.hpp"

namespace reeve::config {

namespace {

constexpr auto join_prefix = std::string_view{"container:"};

} // namespace

result<namespace_choice> parse_namespace(std::string_view text) {
  if (text == "private")
    return namespace_choice{namespace_mode::isolated, {}};
  if (text == "host")
    return namespace_choice{namespace_mode::host, {}};
  if (text.starts_with(join_prefix) && text.size() > join_prefix.size())
    return namespace_choice{namespace_mode::join,
                            std::string{text.substr(join_prefix.size())}};
  return refuse(in_quotes(text) + " is not a namespace",
                "private, host or container:NAME");
}

std::string to_text(const namespace_choice& choice) {
  switch (choice.mode) {
  case namespace_mode::isolated:
    return "private";
  case namespace_mode::host:
    return "host";
  case namespace_mode::join:
    break;
  }
  return std::string{join_prefix} + choice.container;
}

// Static, so that a new spec copies them and a comparison with the default
// has something to compare with.

const std::vector<std::string>& default_capabilities() {
  static const auto names = std::vector<std::string>{
      "AUDIT_WRITE", "CHOWN",   "DAC_OVERRIDE",     "FOWNER",    "FSETID",
      "KILL",        "MKNOD",   "NET_BIND_SERVICE", "NET_RAW",   "SETFCAP",
      "SETGID",      "SETPCAP", "SETUID",           "SYS_CHROOT"};
  return names;
}

const std::vector<std::string>& default_masked_paths() {
  static const auto paths =
      std::vector<std::string>{"/proc/acpi",
                               "/proc/asound",
                               "/proc/interrupts",
                               "/proc/kcore",
                               "/proc/keys",
                               "/proc/latency_stats",
                               "/proc/sched_debug",
                               "/proc/scsi",
                               "/proc/timer_list",
                               "/proc/timer_stats",
                               "/sys/devices/virtual/powercap",
                               "/sys/firmware"};
  return paths;
}

const std::vector<std::string>& default_readonly_paths() {
  static const auto paths = std::vector<std::string>{
      "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return paths;
}

std::string hostname_of(const container_spec& spec) {
  if (spec.hostname)
    return *spec.hostname;
  return spec.name.substr(spec.name.rfind('/') + 1);
}

std::string_view parent_of(std::string_view name) {
  auto last = name.rfind('/');
  return last == std::string_view::npos ? std::string_view{}
                                        : name.substr(0, last);
}

} // namespace reeve::config
