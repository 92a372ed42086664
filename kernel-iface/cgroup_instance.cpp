// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_instance.hpp"

#include "kernel-iface/cgroup_tree.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace reeve::kernel {

namespace {

/// Dots would allow ".." and could meet the kernel's own files.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 128
         && std::all_of(name.begin(), name.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || (c >= '0' && c <= '9') || c == '-' || c == '_';
            });
}

result<void> check_id(std::string_view id) {
  if (is_plain_name(id) && id != holders_group)
    return {};
  return make_error(EINVAL, "use as a cgroup id", "\"" + std::string{id} + "\"",
                    "ids are letters, digits, - and _");
}

/// Of ids.
result<void> check_path(std::string_view path) {
  for (auto depth = std::size_t{1};; ++depth) {
    auto id = path.substr(0, path.find('/'));
    if (auto good = check_id(id); !good)
      return good;
    if (depth > most_nested)
      return make_error(EINVAL, "make a group for", std::string{id},
                        "more than 16 containers would be in each other");
    if (id.size() == path.size())
      return {};
    path.remove_prefix(id.size() + 1);
  }
}

/// Of what is nested in a container, whose groups are below `dir`.
result<void> list_nested(const cgroup_dir& dir, const std::string& path,
                         std::set<std::string>& out) {
  auto names = subgroups(dir);
  if (!names && (names.error().code == ENOENT || names.error().code == ENODEV))
    return {}; // it has just gone
  if (!names)
    return tl::make_unexpected(std::move(names.error()));
  for (const auto& name : *names) {
    if (!name.starts_with(nested_prefix))
      continue;
    auto nested = path + "/" + name.substr(nested_prefix.size());
    if (!check_path(nested))
      continue; // made by somebody else
    out.insert(nested);
    if (auto done = list_nested(dir.child(name), nested, out); !done)
      return done;
  }
  return {};
}

result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part == "." || part == "..")
      return make_error(EINVAL, "use as a cgroup parent",
                        "\"" + std::string{path} + "\"",
                        "it must not contain . or ..");
    if (!part.empty())
      parts.emplace_back(part);
  }
  return parts;
}

/// A new v1 cpuset has no CPUs and takes no process: fill it in from above.
result<void> inherit_cpuset(const cgroup_dir& from, const cgroup_dir& to) {
  for (const auto* file : {"cpuset.cpus", "cpuset.mems"}) {
    auto own = read_text(to, file);
    if (!own)
      return tl::make_unexpected(std::move(own.error()));
    if (!split_words(*own).empty())
      continue;
    auto above = read_text(from, file);
    if (!above)
      return tl::make_unexpected(std::move(above.error()));
    auto words = split_words(*above);
    if (words.empty())
      return make_error(ENOSPC, "inherit " + std::string{file} + " from",
                        from.path(), "give the parent group CPUs and nodes");
    if (auto done = write_text(to, file, words.front()); !done)
      return done;
  }
  return {};
}

enum class flavour { v1, cgroup2 };

/// Makes and opens `<mount>/<parts>/...`, each level ready for the next.
result<cgroup_tree::hierarchy>
open_hierarchy(const std::string& mount, controller_set controllers,
               flavour kind, const std::vector<std::string>& parts) {
  auto root = unique_fd::adopt(
      ::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root)
    return last_error("open cgroup mount", mount);
  auto has_cpuset = controllers.contains(controller::cpuset);
  auto at = cgroup_dir{root.get(), mount, {}};
  for (const auto& part : parts) {
    if (kind == flavour::cgroup2)
      if (auto done = enable_controllers(at); !done)
        return tl::make_unexpected(std::move(done.error()));
    auto next = at.child(part);
    if (auto done = make_dir(next); !done)
      return tl::make_unexpected(std::move(done.error()));
    if (has_cpuset)
      if (auto done = inherit_cpuset(at, next); !done)
        return tl::make_unexpected(std::move(done.error()));
    at = std::move(next);
  }
  if (kind == flavour::cgroup2)
    if (auto done = enable_controllers(at); !done)
      return tl::make_unexpected(std::move(done.error()));
  // From here on the kernel copies the CPUs into each new container itself.
  if (has_cpuset)
    if (auto done = write_text(at, "cgroup.clone_children", "1"); !done)
      return tl::make_unexpected(std::move(done.error()));
  auto dir = open_dir(at);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  return cgroup_tree::hierarchy{controllers, at.path(), std::move(*dir)};
}

/// Calls `action(hierarchy)` for each, cgroup2 last.
template <class Action>
void for_each_hierarchy(const cgroup_tree& tree, Action action) {
  for (const auto& h : tree.v1)
    action(h);
  if (tree.unified)
    action(*tree.unified);
}

} // namespace

cgroup_instance::cgroup_instance(
    std::shared_ptr<const cgroup_tree> tree) noexcept
    : tree_(std::move(tree)) {}

result<cgroup_instance> cgroup_instance::open(const cgroup_mounts& mounts,
                                              const std::string& parent,
                                              const std::string& instance_id) {
  if (auto good = check_id(instance_id); !good)
    return tl::make_unexpected(std::move(good.error()));
  auto parts = split_path(parent);
  if (!parts)
    return tl::make_unexpected(std::move(parts.error()));
  parts->push_back("reeve-" + instance_id);
  auto tree = std::make_shared<cgroup_tree>();
  tree->mode = mounts.mode;
  for (const auto& h : mounts.v1) {
    auto opened = open_hierarchy(h.mount, h.controllers, flavour::v1, *parts);
    if (!opened)
      return tl::make_unexpected(std::move(opened.error()));
    if (is_holder_home(*opened)) {
      auto made = make_dir(opened->group(holders_group));
      if (!made)
        return tl::make_unexpected(std::move(made.error()));
    }
    tree->v1.push_back(std::move(*opened));
  }
  if (mounts.mode != cgroup_mode::v1) {
    auto opened = open_hierarchy(mounts.unified, {}, flavour::cgroup2, *parts);
    if (!opened)
      return tl::make_unexpected(std::move(opened.error()));
    tree->unified = std::move(*opened);
    if (mounts.mode == cgroup_mode::v2)
      if (auto made = make_dir(tree->unified->group(holders_group)); !made)
        return tl::make_unexpected(std::move(made.error()));
  }
  return cgroup_instance{std::move(tree)};
}

result<container_cgroup>
cgroup_instance::leftover(const std::string& path) const {
  if (auto good = check_path(path); !good)
    return tl::make_unexpected(std::move(good.error()));
  return container_cgroup{tree_, path};
}

result<container_cgroup>
cgroup_instance::create(const std::string& path) const {
  return leftover(path).and_then(
      [](container_cgroup group) -> result<container_cgroup> {
        if (auto made = group.make_groups(); !made)
          return tl::make_unexpected(std::move(made.error()));
        return group;
      });
}

result<container_cgroup> cgroup_instance::adopt(const std::string& path) const {
  return leftover(path).and_then(
      [](container_cgroup group) -> result<container_cgroup> {
        if (auto found = group.check_groups(); !found)
          return tl::make_unexpected(std::move(found.error()));
        return group;
      });
}

result<std::vector<std::string>> cgroup_instance::list() const {
  std::set<std::string> paths;
  std::optional<sys_error> failure;
  auto note = [&failure](sys_error&& why) {
    failure = failure ? also(std::move(*failure), why) : std::move(why);
  };
  for_each_hierarchy(*tree_, [&](const auto& h) {
    auto names = subgroups(h.group({}));
    if (!names)
      return note(std::move(names.error()));
    for (const auto& id : *names) {
      if (id == holders_group)
        continue;
      paths.insert(id);
      auto top = h.group(id);
      if (auto done = list_nested(
              tree_->mode == cgroup_mode::v2 ? top.child("box") : top, id,
              paths);
          !done)
        note(std::move(done.error()));
    }
  });
  // Of a nested one whose groups went with those around them.
  if (tree_->mode == cgroup_mode::v2) {
    auto left = subgroups(tree_->unified->group(holders_group));
    for (const auto& id : left ? *left : std::vector<std::string>{})
      if (std::ranges::none_of(paths, [end = "/" + id](const auto& path) {
            return path.ends_with(end);
          }))
        paths.insert("gone/" + id);
    if (!left && left.error().code != ENOENT)
      note(std::move(left.error()));
  }
  if (failure)
    return tl::make_unexpected(std::move(*failure));
  return std::vector<std::string>{paths.begin(), paths.end()};
}

result<removal> cgroup_instance::remove() const {
  auto containers = list();
  if (!containers)
    return tl::make_unexpected(std::move(containers.error()));
  if (!containers->empty())
    return removal::busy;
  auto busy = false;
  std::optional<sys_error> failure;
  for_each_hierarchy(*tree_, [&](const auto& h) {
    // By its path: a directory cannot be removed through itself. The root of
    // the hierarchy was not kept open for this one use.
    auto slash = h.path.rfind('/');
    auto above_path = h.path.substr(0, slash);
    auto above = unique_fd::adopt(
        ::open(above_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    result<removal> done = removal::removed;
    if (above)
      done = remove_tree({above.get(), above_path, h.path.substr(slash + 1)});
    else if (errno != ENOENT)
      done = last_error("open", above_path);
    if (!done)
      failure = failure ? also(std::move(*failure), done.error())
                        : std::move(done.error());
    else
      busy = busy || *done == removal::busy;
  });
  if (failure)
    return tl::make_unexpected(std::move(*failure));
  return busy ? removal::busy : removal::removed;
}

cgroup_mode cgroup_instance::mode() const noexcept {
  return tree_->mode;
}

} // namespace reeve::kernel
