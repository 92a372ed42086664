// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_limits.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

struct cpuset_files {
  const char* own;
  const char* effective_v1;
  const char* effective_v2;
};

constexpr cpuset_files files_of(cpuset_key key) {
  return key == cpuset_key::cpus
             ? cpuset_files{"cpuset.cpus", "cpuset.effective_cpus",
                            "cpuset.cpus.effective"}
             : cpuset_files{"cpuset.mems", "cpuset.effective_mems",
                            "cpuset.mems.effective"};
}

cgroup_dir above(const cgroup_dir& dir) {
  auto slash = dir.name.rfind('/');
  return {dir.base, dir.base_path,
          slash == std::string::npos ? std::string{}
                                     : dir.name.substr(0, slash)};
}

result<std::string> read_list(const cgroup_dir& dir, const char* file) {
  return read_text(dir, file).map([](const std::string& text) {
    auto words = split_words(text);
    return words.empty() ? std::string{} : std::string{words.front()};
  });
}

// The numbers of a list as the kernel writes it.
std::set<unsigned long> numbers_in(const std::string& list) {
  std::set<unsigned long> out;
  std::istringstream in{list};
  for (std::string item; std::getline(in, item, ',');) {
    char* end = nullptr;
    auto first = std::strtoul(item.c_str(), &end, 10);
    auto last = *end == '-' ? std::strtoul(end + 1, nullptr, 10) : first;
    for (auto number = first; number <= last; ++number)
      out.insert(number);
  }
  return out;
}

// v1 says no more than that a list is bad, and v2 puts the group above in the
// place of what that has not.
result<void> check(const cgroup_dir& dir, const char* file,
                   const std::string& list, const std::string& available) {
  auto wanted = numbers_in(list);
  auto all = numbers_in(available);
  if (!wanted.empty()
      && std::includes(all.begin(), all.end(), wanted.begin(), wanted.end()))
    return {};
  return make_error(EINVAL, "write \"" + list + "\" to", dir.path(file),
                    "the group above has " + available);
}

// A group of v1 has a list of its own always. Pages follow a new list of nodes
// only where they are told to.
result<void> write_v1(const cgroup_dir& dir, cpuset_key key,
                      const std::string& list, const std::string& available) {
  if (key == cpuset_key::mems)
    if (auto done = write_text(dir, "cpuset.memory_migrate", "1"); !done)
      return done;
  return write_text(dir, files_of(key).own, list.empty() ? available : list);
}

// All that the host could ever have: no more of a limit than none.
result<std::string> possible(cpuset_key key) {
  auto path = std::string{key == cpuset_key::cpus
                              ? "/sys/devices/system/cpu/possible"
                              : "/sys/devices/system/node/possible"};
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  return read_all(fd.get(), path).map([](const std::string& text) {
    return text.substr(0, text.find('\n'));
  });
}

// With processes in it a group cannot go back to no list (ENOSPC).
result<void> write_v2(const cgroup_dir& dir, cpuset_key key,
                      const std::string& list) {
  const auto* file = files_of(key).own;
  auto done = write_text(dir, file, list + "\n");
  if (done || !list.empty() || done.error().code != ENOSPC)
    return done;
  return possible(key).and_then(
      [&](const std::string& all) { return write_text(dir, file, all); });
}

result<void> write_list(const container_cgroup& group, cpuset_key key,
                        const std::string& list, bool is_checked) {
  auto dir = group.limits_dir(controller::cpuset);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto is_v2 = group.mode() == cgroup_mode::v2;
  auto files = files_of(key);
  auto available =
      read_list(above(*dir), is_v2 ? files.effective_v2 : files.effective_v1);
  if (!available)
    return tl::make_unexpected(std::move(available.error()));
  if (is_checked && !list.empty())
    if (auto good = check(*dir, files.own, list, *available); !good)
      return good;
  return is_v2 ? write_v2(*dir, key, list)
               : write_v1(*dir, key, list, *available);
}

} // namespace

result<void> set_cpuset(const container_cgroup& group, cpuset_key key,
                        const std::string& list) {
  return write_list(group, key, list, true);
}

result<void> restore_cpuset(const container_cgroup& group, cpuset_key key,
                            const std::string& list) {
  return write_list(group, key, list, false);
}

result<std::string> get_cpuset(const container_cgroup& group, cpuset_key key) {
  auto files = files_of(key);
  auto dir = group.limits_dir(controller::cpuset);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto own = read_list(*dir, files.own);
  if (!own || own->empty())
    return own;
  auto none = group.mode() == cgroup_mode::v2
                  ? possible(key)
                  : read_list(above(*dir), files.effective_v1);
  return none.map([&own](const std::string& all) {
    return *own == all ? std::string{} : std::move(*own);
  });
}

} // namespace reeve::kernel
