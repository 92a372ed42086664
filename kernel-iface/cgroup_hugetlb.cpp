// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

/// As the controller spells them: "2MB" for the 2048 kB of sysfs.
std::string spell_size(std::uint64_t kib) {
  constexpr auto step = std::uint64_t{1024};
  if (kib >= step * step)
    return std::to_string(kib / step / step) + "GB";
  if (kib >= step)
    return std::to_string(kib / step) + "MB";
  return std::to_string(kib) + "KB";
}

/// Of hugepages-2048kB, 2048.
std::optional<std::uint64_t> size_in(std::string_view entry) {
  constexpr auto prefix = std::string_view{"hugepages-"};
  constexpr auto suffix = std::string_view{"kB"};
  if (!entry.starts_with(prefix) || !entry.ends_with(suffix))
    return std::nullopt;
  entry.remove_prefix(prefix.size());
  entry.remove_suffix(suffix.size());
  return parse_number(entry);
}

/// Those of this machine, in the order of names.
result<std::vector<std::string>> page_sizes() {
  constexpr auto* path = "/sys/kernel/mm/hugepages";
  auto dir = std::unique_ptr<DIR, int (*)(DIR*)>{::opendir(path), &::closedir};
  if (!dir)
    return last_error("list", path);
  std::vector<std::string> out;
  while (const auto* entry = ::readdir(dir.get()))
    if (auto kib = size_in(entry->d_name))
      out.push_back(spell_size(*kib));
  std::ranges::sort(out);
  return out;
}

// On hybrid that of cgroup2, unless v1 has the controller.
bool is_v1_dir(const container_cgroup& group, const cgroup_dir& dir) {
  auto twin = group.bpf_dir();
  return !twin || twin->base != dir.base;
}

std::string file_of(const std::string& size, bool is_v1) {
  constexpr auto* v1 = "hugetlb.%.limit_in_bytes";
  constexpr auto* v2 = "hugetlb.%.max";
  auto name = std::string{is_v1 ? v1 : v2};
  return name.replace(name.find('%'), 1, size);
}

/// v1 has the largest number of whole pages where v2 has "max".
result<std::uint64_t> read_limit(const cgroup_dir& dir, bool is_v1,
                                 const std::string& size) {
  return read_number(dir, file_of(size, is_v1)).map([=](std::uint64_t value) {
    return is_v1 && value >= v1_unlimited ? no_limit : value;
  });
}

result<void> write_limit(const cgroup_dir& dir, bool is_v1,
                         const std::string& size, std::uint64_t value) {
  auto text = value != no_limit ? std::to_string(value) : is_v1 ? "-1" : "max";
  return write_text(dir, file_of(size, is_v1), text);
}

std::uint64_t value_for(const std::vector<named_limit>& list,
                        const std::string& size) {
  auto found = std::ranges::find(list, size, &named_limit::name);
  return found == list.end() ? no_limit : found->value;
}

result<void> check_sizes(const cgroup_dir& dir,
                         const std::vector<named_limit>& list,
                         const std::vector<std::string>& sizes) {
  for (const auto& item : list) {
    if (std::ranges::find(sizes, item.name) != sizes.end())
      continue;
    auto all = std::string{};
    for (const auto& size : sizes)
      all += (all.empty() ? "" : ", ") + size;
    return make_error(EINVAL, "limit huge pages of " + item.name + " in",
                      dir.path(), "this machine has " + all);
  }
  return {};
}

} // namespace

result<void> set_huge_limits(const container_cgroup& group,
                             const std::vector<named_limit>& list) {
  auto dir = group.limits_dir(controller::hugetlb);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto sizes = page_sizes();
  if (!sizes)
    return tl::make_unexpected(std::move(sizes.error()));
  if (auto good = check_sizes(*dir, list, *sizes); !good)
    return good;
  if (auto on = group.turn_on(controller::hugetlb); !on)
    return on;
  auto is_v1 = is_v1_dir(group, *dir);
  std::vector<named_limit> before;
  for (const auto& size : *sizes) {
    auto old = read_limit(*dir, is_v1, size);
    auto done = old ? write_limit(*dir, is_v1, size, value_for(list, size))
                    : result<void>{tl::make_unexpected(old.error())};
    if (done) {
      before.push_back({size, *old});
      continue;
    }
    for (const auto& item : before)
      if (auto undone = write_limit(*dir, is_v1, item.name, item.value);
          !undone)
        done.error() = also(std::move(done.error()), undone.error());
    return done;
  }
  return {};
}

result<std::vector<named_limit>>
get_huge_limits(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::hugetlb);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto sizes = page_sizes();
  if (!sizes)
    return tl::make_unexpected(std::move(sizes.error()));
  auto is_v1 = is_v1_dir(group, *dir);
  std::vector<named_limit> out;
  for (const auto& size : *sizes) {
    auto value = read_limit(*dir, is_v1, size);
    if (!value && value.error().code == ENOENT) // it may be off
      return group.can_turn_on(controller::hugetlb).map([] {
        return std::vector<named_limit>{};
      });
    if (!value)
      return tl::make_unexpected(std::move(value.error()));
    if (*value != no_limit)
      out.push_back({size, *value});
  }
  return out;
}

} // namespace reeve::kernel
