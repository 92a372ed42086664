// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/process_identity.hpp"

#include "kernel-iface/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace reeve::kernel {

namespace {

// Field 22 of /proc/PID/stat; the name is field 2 and state, right behind it,
// field 3.
constexpr auto fields_from_name_to_start_time = 20;

/// Small files of /proc come whole in one read; a second read could mix two
/// states of the process.
result<std::string> read_once(const std::string& path) {
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  auto text = std::array<char, 4096>{};
  auto size = ::read(fd.get(), text.data(), text.size());
  if (size < 0)
    return last_error("read", path);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

/// /proc answers ENOENT before and ESRCH after the open.
bool says_no_such_process(const sys_error& err) {
  return err.code == ENOENT || err.code == ESRCH;
}

template <class Int>
std::optional<Int> to_number(std::string_view text) {
  auto value = Int{};
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    return std::nullopt;
  return value;
}

std::optional<std::uint64_t> start_time_in(std::string_view stat) {
  // The name is under the control of the process and may hold anything, also
  // ") S 1 ("; what follows it holds no parenthesis, so the last one ends it.
  auto at = stat.rfind(')');
  for (auto field = 0; field < fields_from_name_to_start_time; ++field) {
    if (at == std::string_view::npos)
      return std::nullopt;
    at = stat.find(' ', at + 1);
  }
  if (at == std::string_view::npos)
    return std::nullopt;
  return to_number<std::uint64_t>(stat.substr(at + 1));
}

} // namespace

result<std::optional<std::uint64_t>> start_time(pid_t pid) {
  auto path = "/proc/" + std::to_string(pid) + "/stat";
  auto stat = read_once(path);
  if (!stat) {
    if (says_no_such_process(stat.error()))
      return std::nullopt;
    return tl::make_unexpected(std::move(stat).error());
  }
  auto value = start_time_in(*stat);
  if (!value)
    return make_error(EPROTO, "parse", path, "it has no field 22");
  return value;
}

result<std::string> boot_id() {
  auto id = read_once("/proc/sys/kernel/random/boot_id");
  if (id && id->ends_with('\n'))
    id->pop_back();
  return id;
}

result<std::optional<pid_t>> pid_of(int pidfd) {
  auto path = "/proc/self/fdinfo/" + std::to_string(pidfd);
  auto info = read_once(path);
  if (!info)
    return tl::make_unexpected(std::move(info).error());
  static constexpr auto label = std::string_view{"\nPid:\t"};
  auto at = info->find(label);
  auto pid =
      at == std::string::npos
          ? std::nullopt
          : to_number<pid_t>(std::string_view{*info}.substr(at + label.size()));
  if (!pid)
    return make_error(EINVAL, "read the pid in", path,
                      "the descriptor is not a pidfd");
  // -1: reaped; 0: lives where the pid namespace of /proc does not see it.
  if (*pid <= 0)
    return std::nullopt;
  return pid;
}

result<std::optional<namespace_ids>> namespaces_of(pid_t pid) {
  auto path = "/proc/" + std::to_string(pid) + "/ns";
  // One directory for all, so that they are of one process even if the pid is
  // reused between two looks.
  auto dir =
      unique_fd::adopt(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) {
    if (errno == ENOENT || errno == ESRCH)
      return std::nullopt;
    return last_error("open", path);
  }
  auto out = namespace_ids{};
  struct kind {
    const char* name;
    ino_t namespace_ids::*id;
  };
  static constexpr auto kinds =
      std::array{kind{"user", &namespace_ids::user},
                 kind{"cgroup", &namespace_ids::cgroup},
                 kind{"ipc", &namespace_ids::ipc},
                 kind{"mnt", &namespace_ids::mnt},
                 kind{"net", &namespace_ids::net},
                 kind{"pid", &namespace_ids::pid},
                 kind{"time", &namespace_ids::time},
                 kind{"uts", &namespace_ids::uts}};
  for (const auto& [name, id] : kinds) {
    struct stat info = {};
    if (::fstatat(dir.get(), name, &info, 0) == 0) {
      out.*id = info.st_ino;
      continue;
    }
    if (errno != ENOENT && errno != ESRCH)
      return last_error("stat", path + "/" + name);
    // Either the process has ended meanwhile, or the kernel lacks the kind;
    // a link of the latter is not there at all.
    struct stat link = {};
    if (::fstatat(dir.get(), "user", &link, AT_SYMLINK_NOFOLLOW) != 0
        || ::fstatat(dir.get(), name, &link, AT_SYMLINK_NOFOLLOW) == 0)
      return std::nullopt;
  }
  return out;
}

} // namespace reeve::kernel
