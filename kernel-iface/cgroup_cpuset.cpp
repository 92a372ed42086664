// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_limits.hpp"

#include <cerrno>
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

sys_error refusal(const cgroup_dir& dir, const char* file,
                  const std::string& list,
                  const result<std::string>& available) {
  return {EINVAL, "write \"" + list + "\" to", dir.path(file),
          available ? "the group above has " + *available : std::string{}};
}

// The kernel does not say what is wrong with a list.
result<void> explain(result<void> done, const cgroup_dir& dir, const char* file,
                     const std::string& list,
                     const result<std::string>& available) {
  if (!done
      && (done.error().code == EACCES || done.error().code == EINVAL
          || done.error().code == ERANGE))
    return tl::make_unexpected(refusal(dir, file, list, available));
  return done;
}

// A group of v1 has a list of its own always. Pages follow a new list of nodes
// only where they are told to.
result<void> set_v1(const cgroup_dir& dir, cpuset_key key,
                    const std::string& list) {
  auto files = files_of(key);
  auto available = read_list(above(dir), files.effective_v1);
  if (!available)
    return tl::make_unexpected(std::move(available.error()));
  if (key == cpuset_key::mems)
    if (auto done = write_text(dir, "cpuset.memory_migrate", "1"); !done)
      return done;
  const auto& wanted = list.empty() ? *available : list;
  return explain(write_text(dir, files.own, wanted), dir, files.own, wanted,
                 available);
}

// v2 takes any list and puts the group above in the place of what that has
// not; so whether it was taken is seen by what came of it.
result<void> set_v2(const cgroup_dir& dir, cpuset_key key,
                    const std::string& list) {
  auto files = files_of(key);
  auto before = read_list(dir, files.own);
  if (!before)
    return tl::make_unexpected(std::move(before.error()));
  auto available = read_list(above(dir), files.effective_v2);
  auto write = [&](const std::string& what) {
    return write_text(dir, files.own, what + "\n");
  };
  if (auto done = write(list); !done || list.empty())
    return explain(std::move(done), dir, files.own, list, available);
  auto now = read_list(dir, files.effective_v2);
  if (now && *now == list)
    return {};
  auto why =
      now ? refusal(dir, files.own, list, available) : std::move(now.error());
  if (auto undone = write(*before); !undone)
    why = also(std::move(why), undone.error());
  return tl::make_unexpected(std::move(why));
}

} // namespace

result<void> set_cpuset(const container_cgroup& group, cpuset_key key,
                        const std::string& list) {
  auto set = group.mode() == cgroup_mode::v2 ? set_v2 : set_v1;
  return group.limits_dir(controller::cpuset)
      .and_then([&](const cgroup_dir& dir) { return set(dir, key, list); });
}

result<std::string> get_cpuset(const container_cgroup& group, cpuset_key key) {
  auto files = files_of(key);
  auto dir = group.limits_dir(controller::cpuset);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto own = read_list(*dir, files.own);
  if (!own || own->empty() || group.mode() == cgroup_mode::v2)
    return own;
  return read_list(above(*dir), files.effective_v1)
      .map([&own](const std::string& available) {
        return *own == available ? std::string{} : std::move(*own);
      });
}

} // namespace reeve::kernel
