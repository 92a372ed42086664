// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_stats.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace reeve::kernel {

namespace {

/// Numbers of fields as proc_pid_stat(5) counts them.
constexpr auto state_field = 3U;
constexpr auto parent_field = 4U;
constexpr auto minor_faults_field = 10U;
constexpr auto major_faults_field = 12U;
constexpr auto user_field = 14U;
constexpr auto system_field = 15U;
constexpr auto threads_field = 20U;
constexpr auto resident_field = 24U;

result<std::string> content(pid_t pid, const char* file) {
  auto path = "/proc/" + std::to_string(pid) + "/" + file;
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT)
    errno = ESRCH; // /proc says this before the open, and that after it
  if (!fd)
    return last_error("open", path);
  return read_all(fd.get(), path);
}

/// Of a line "Name:  123 kB".
std::uint64_t value_of(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == std::string_view::npos)
    return 0;
  auto words = split_words(text.substr(at + name.size(), 40));
  return words.empty() ? 0 : parse_number(words.front()).value_or(0);
}

std::chrono::nanoseconds of_ticks(std::uint64_t ticks) {
  static const auto per_second =
      static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return std::chrono::nanoseconds{ticks * (1'000'000'000 / per_second)};
}

} // namespace

result<process_stats> read_process_stats(pid_t pid) {
  auto stat = content(pid, "stat");
  if (!stat)
    return tl::make_unexpected(std::move(stat.error()));
  auto status = content(pid, "status");
  if (!status)
    return tl::make_unexpected(std::move(status.error()));
  // The name may hold anything, also ")"; what follows it does not.
  auto rest = std::string_view{*stat}.substr(stat->rfind(')') + 1);
  auto words = split_words(rest);
  if (words.size() <= resident_field - state_field)
    return make_error(EPROTO, "parse",
                      "/proc/" + std::to_string(pid) + "/stat");
  auto field = [&words](unsigned number) {
    return parse_number(words[number - state_field]).value_or(0);
  };
  static const auto page = static_cast<std::uint64_t>(::getpagesize());
  process_stats out;
  out.parent = static_cast<pid_t>(field(parent_field));
  out.user = of_ticks(field(user_field));
  out.system = of_ticks(field(system_field));
  out.threads = field(threads_field);
  out.resident = field(resident_field) * page;
  out.faults = field(minor_faults_field);
  out.major_faults = field(major_faults_field);
  constexpr auto kib = 1024U;
  out.swap = value_of(*status, "\nVmSwap:") * kib;
  if (auto io = content(pid, "io")) {
    out.read_bytes = value_of(*io, "\nread_bytes:");
    out.written_bytes = value_of(*io, "\nwrite_bytes:");
  } else if (io.error().code == ESRCH && !content(pid, "stat")) {
    return tl::make_unexpected(std::move(io.error()));
  }
  return out;
}

} // namespace reeve::kernel
