// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/scratch_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace reeve::bench {

using kernel::last_error;
using kernel::make_error;
using kernel::result;
using kernel::unique_fd;

namespace {

result<unique_fd> open_directory(const std::string& path) {
  auto fd = unique_fd::adopt(
      ::open(path.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", path);
  return fd;
}

std::string read_line(const std::string& path) {
  auto line = std::string{};
  std::getline(std::ifstream{path}, line);
  return line;
}

/// A named hierarchy such as systemd's has no controller and no limits.
bool has_controller(const std::string& options) {
  return options.find("name=") == std::string::npos;
}

} // namespace

result<cgroup_trees> cgroup_trees::open() {
  auto v1 = std::vector<std::string>{};
  auto v2 = std::string{};
  auto mounts = std::ifstream{"/proc/self/mounts"};
  for (auto line = std::string{}; std::getline(mounts, line);) {
    std::string source;
    std::string target;
    std::string type;
    std::string options;
    std::istringstream{line} >> source >> target >> type >> options;
    if (type == "cgroup" && has_controller(options))
      v1.push_back(target);
    else if (type == "cgroup2")
      v2 = target;
  }
  auto out = cgroup_trees{};
  if (v1.empty() && v2.empty())
    return make_error(ENOENT, "find", "a mounted cgroup hierarchy");
  if (v1.empty()) {
    out.kind = version::v2;
    v1.push_back(v2);
  }
  for (const auto& path : v1) {
    auto dir = open_directory(path);
    if (!dir)
      return tl::make_unexpected(std::move(dir.error()));
    auto cpus = read_line(path + "/cpuset.cpus");
    const bool cpuset = out.kind == version::v1 && !cpus.empty();
    if (cpuset) {
      out.cpus = std::move(cpus);
      out.mems = read_line(path + "/cpuset.mems");
    }
    out.trees.push_back({path, std::move(*dir), cpuset});
  }
  return out;
}

result<void> write_file(int dir, const std::string& name,
                        const std::string& text) {
  auto fd = unique_fd::adopt(::openat(dir, name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", name);
  if (::write(fd.get(), text.data(), text.size()) < 0)
    return last_error("write \"" + text + "\" to", name);
  return {};
}

result<scratch_group> scratch_group::make(const cgroup_trees& trees,
                                          std::string name) {
  auto out = scratch_group{trees, std::move(name)};
  const bool v1 = trees.kind == cgroup_trees::version::v1;
  for (const auto& tree : trees.trees) {
    const auto full = tree.path + "/" + out.name_;
    if (::mkdirat(tree.dir.get(), out.name_.c_str(), 0755) != 0)
      return last_error("make cgroup", full);
    if (tree.cpuset) {
      for (const auto& [key, value] : {std::pair{"/cpuset.cpus", &trees.cpus},
                                       std::pair{"/cpuset.mems", &trees.mems}})
        if (auto ok = write_file(tree.dir.get(), out.name_ + key, *value); !ok)
          return tl::make_unexpected(std::move(ok.error()));
    }
    const auto entry = v1 ? out.name_ + "/tasks" : out.name_;
    const int flags = v1 ? O_WRONLY : O_DIRECTORY | O_RDONLY;
    out.entries_.push_back(unique_fd::adopt(
        ::openat(tree.dir.get(), entry.c_str(), flags | O_CLOEXEC)));
    if (!out.entries_.back())
      return last_error("open", tree.path + "/" + entry);
  }
  return out;
}

scratch_group::scratch_group(scratch_group&& other) noexcept
    : trees_(other.trees_),
      name_(std::exchange(other.name_, {})),
      entries_(std::move(other.entries_)) {}

scratch_group::~scratch_group() {
  // The owner that wants to know calls remove() itself.
  (void)remove().has_value();
}

result<void> scratch_group::join() const {
  if (trees_->kind == cgroup_trees::version::v2)
    return {};
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (::write(entries_[i].get(), "0", 1) != 1)
      return last_error("join cgroup", trees_->trees[i].path + "/" + name_);
  return {};
}

int scratch_group::clone_target() const noexcept {
  return trees_->kind == cgroup_trees::version::v2 ? entries_.front().get()
                                                   : -1;
}

result<unique_fd> scratch_group::memory_directory() const {
  for (const auto& tree : trees_->trees) {
    auto dir = unique_fd::adopt(::openat(tree.dir.get(), name_.c_str(),
                                         O_DIRECTORY | O_RDONLY | O_CLOEXEC));
    if (!dir)
      return last_error("open", tree.path + "/" + name_);
    for (const auto* file : {"memory.limit_in_bytes", "memory.max"})
      if (::faccessat(dir.get(), file, W_OK, 0) == 0)
        return dir;
  }
  return make_error(ENOENT, "find", "a memory limit in the group " + name_,
                    "is the memory controller enabled in cgroup.subtree_control"
                    " of the root?");
}

result<void> scratch_group::remove() {
  entries_.clear();
  if (name_.empty())
    return {};
  auto outcome = result<void>{};
  for (const auto& tree : trees_->trees)
    if (::unlinkat(tree.dir.get(), name_.c_str(), AT_REMOVEDIR) != 0
        && errno != ENOENT && outcome)
      outcome = last_error("remove cgroup", tree.path + "/" + name_);
  name_.clear();
  return outcome;
}

} // namespace reeve::bench
