// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_mounts.hpp"

#include "kernel-iface/cgroup_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

namespace reeve::kernel {

namespace {

constexpr auto all_controllers =
    std::array{controller::cpu,    controller::cpuacct, controller::cpuset,
               controller::memory, controller::devices, controller::freezer,
               controller::blkio,  controller::pids,    controller::hugetlb};

/// The fields of one mountinfo line that matter here.
struct mount_line {
  std::string_view device; // major:minor names the hierarchy
  std::string root;        // empty for all of the hierarchy
  std::string mount_point;
  std::string_view fs_type;
  std::string_view super_options;
};

/// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1])
        && is_octal(text[i + 2]) && is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64
                               + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// id parent major:minor root mount options [tags...] - type source super
std::optional<mount_line> parse_line(std::string_view line) {
  auto words = split_words(line);
  auto dash = std::find(words.begin(), words.end(), "-");
  if (dash - words.begin() < 6 || words.end() - dash < 4)
    return std::nullopt;
  auto root = words[3] == "/" ? std::string{} : unescape(words[3]);
  return mount_line{words[2], std::move(root), unescape(words[4]), dash[1],
                    dash[3]};
}

controller_set controllers_in(std::string_view options) {
  controller_set found;
  while (!options.empty()) {
    auto option = options.substr(0, options.find(','));
    options.remove_prefix(std::min(options.size(), option.size() + 1));
    for (auto which : all_controllers)
      if (option == to_string(which))
        found.insert(which);
  }
  return found;
}

/// The mounts of one hierarchy show different parts of it where some are bind
/// mounts; the one that shows its root is the one to use.
struct candidate {
  std::string_view device;
  v1_hierarchy hierarchy;

  [[nodiscard]] bool shows_root() const {
    return hierarchy.group.empty();
  }
};

void keep_best(std::vector<candidate>& found, candidate next) {
  auto same = std::find_if(found.begin(), found.end(), [&](const auto& c) {
    return c.device == next.device;
  });
  if (same == found.end())
    found.push_back(std::move(next));
  else if (next.shows_root() && !same->shows_root())
    *same = std::move(next);
}

bool has_limits(std::string_view controllers) {
  auto words = split_words(controllers);
  auto has = [&words](std::string_view name) {
    return std::find(words.begin(), words.end(), name) != words.end();
  };
  return has("cpu") && has("memory") && has("pids");
}

} // namespace

std::string_view to_string(controller which) noexcept {
  switch (which) {
  case controller::cpu:
    return "cpu";
  case controller::cpuacct:
    return "cpuacct";
  case controller::cpuset:
    return "cpuset";
  case controller::memory:
    return "memory";
  case controller::devices:
    return "devices";
  case controller::freezer:
    return "freezer";
  case controller::blkio:
    return "blkio";
  case controller::hugetlb:
    return "hugetlb";
  case controller::pids:
    return "pids";
  }
  return "unknown";
}

std::string_view to_string(cgroup_mode mode) noexcept {
  switch (mode) {
  case cgroup_mode::v1:
    return "v1";
  case cgroup_mode::hybrid:
    return "hybrid";
  case cgroup_mode::v2:
    return "v2";
  }
  return "unknown";
}

result<cgroup_mounts> cgroup_mounts::parse(
    std::string_view mountinfo,
    const std::function<result<std::string>(const std::string&)>&
        root_controllers) {
  std::vector<candidate> v1;
  std::vector<candidate> v2;
  while (!mountinfo.empty()) {
    auto text = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(mountinfo.size(), text.size() + 1));
    auto line = parse_line(text);
    if (!line)
      continue;
    auto next =
        candidate{line->device,
                  {std::move(line->mount_point), {}, std::move(line->root)}};
    if (line->fs_type == "cgroup2") {
      keep_best(v2, std::move(next));
    } else if (line->fs_type == "cgroup") {
      next.hierarchy.controllers = controllers_in(line->super_options);
      if (!next.hierarchy.controllers.empty())
        keep_best(v1, std::move(next));
    }
  }
  cgroup_mounts found;
  if (!v2.empty()) {
    found.unified = std::move(v2.front().hierarchy.mount);
    found.unified_group = std::move(v2.front().hierarchy.group);
    auto controllers = root_controllers(found.unified);
    if (!controllers)
      return tl::make_unexpected(std::move(controllers.error()));
    if (has_limits(*controllers)) {
      found.mode = cgroup_mode::v2;
      return found;
    }
  }
  if (v1.empty())
    return make_error(ENODEV, "find the cgroup controllers cpu, memory, pids",
                      found.unified,
                      "mount cgroup2 on /sys/fs/cgroup, or delegate these "
                      "controllers to this part of the tree");
  found.mode = found.unified.empty() ? cgroup_mode::v1 : cgroup_mode::hybrid;
  for (auto& c : v1)
    found.v1.push_back(std::move(c.hierarchy));
  return found;
}

result<cgroup_mounts> cgroup_mounts::probe(const std::string& mountinfo) {
  auto fd = unique_fd::adopt(::open(mountinfo.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return last_error("open", mountinfo);
  auto text = read_all(fd.get(), mountinfo);
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  return parse(*text, [](const std::string& mount) -> result<std::string> {
    auto dir = unique_fd::adopt(
        ::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir)
      return last_error("open", mount);
    return read_text({dir.get(), mount, {}}, "cgroup.controllers");
  });
}

} // namespace reeve::kernel
