// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

/// A limit of a device that is known by its numbers, "8:0".
using rates = std::vector<named_limit>;

struct throttle_file {
  const char* v1;   ///< lines "8:0 RATE"; 0 takes it away
  const char* word; ///< of io.max: lines "8:0 rbps=RATE wbps=max ..."
};

constexpr throttle_file file_of(list_key key) {
  switch (key) {
  case list_key::io_read_bps:
    return {"blkio.throttle.read_bps_device", "rbps="};
  case list_key::io_write_bps:
    return {"blkio.throttle.write_bps_device", "wbps="};
  case list_key::io_read_iops:
    return {"blkio.throttle.read_iops_device", "riops="};
  default:
    return {"blkio.throttle.write_iops_device", "wiops="};
  }
}

std::string sysfs_entry(const std::string& numbers) {
  return "/sys/dev/block/" + numbers;
}

// The last part of where the link of a device leads: "sda", "cciss!c0d0".
result<std::string> kernel_name(const std::string& numbers) {
  std::array<char, 512> target{};
  auto entry = sysfs_entry(numbers);
  auto size = ::readlink(entry.c_str(), target.data(), target.size());
  if (size < 0)
    return make_error(ENODEV, "find block device", numbers,
                      "lsblk lists those that there are");
  auto path = std::string{target.data(), static_cast<std::size_t>(size)};
  return path.substr(path.rfind('/') + 1);
}

result<std::string> numbers_of(const std::string& device) {
  if (!device.starts_with('/'))
    return device;
  struct stat st {};
  if (::stat(device.c_str(), &st) != 0)
    return last_error("find block device", device);
  if (!S_ISBLK(st.st_mode))
    return make_error(ENOTBLK, "limit", device, "it is no block device");
  return std::to_string(major(st.st_rdev)) + ":"
         + std::to_string(minor(st.st_rdev));
}

// The kernel takes whole disks only and does not say so.
result<std::string> disk_of(const std::string& device) {
  auto numbers = numbers_of(device);
  if (!numbers)
    return numbers;
  if (auto name = kernel_name(*numbers); !name)
    return name;
  auto is_part = sysfs_entry(*numbers) + "/partition";
  if (::access(is_part.c_str(), F_OK) == 0)
    return make_error(EINVAL, "limit", device,
                      "it is a partition: only a whole disk has limits");
  return numbers;
}

result<rates> resolve(const std::vector<named_limit>& list) {
  rates out;
  for (const auto& item : list) {
    auto numbers = disk_of(item.name);
    if (!numbers)
      return tl::make_unexpected(std::move(numbers.error()));
    if (std::ranges::find(out, *numbers, &named_limit::name) != out.end())
      return make_error(EINVAL, "limit", item.name,
                        "the device is named twice");
    out.push_back({std::move(*numbers), item.value});
  }
  return out;
}

std::optional<std::uint64_t> rate_in(const std::vector<std::string_view>& words,
                                     std::string_view word) {
  for (auto text : words)
    if (text.starts_with(word))
      return parse_number(text.substr(word.size()));
  return std::nullopt;
}

result<rates> read_rates(const cgroup_dir& dir, list_key key, bool is_v2) {
  auto file = file_of(key);
  auto text = read_text(dir, is_v2 ? "io.max" : file.v1);
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  rates out;
  for (auto rest = std::string_view{*text}; !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto words = split_words(line);
    if (words.size() < 2)
      continue;
    auto value = is_v2 ? rate_in(words, file.word) : parse_number(words[1]);
    if (value && *value != no_limit)
      out.push_back({std::string{words[0]}, *value});
  }
  return out;
}

result<void> write_rate(const cgroup_dir& dir, list_key key, bool is_v2,
                        const std::string& numbers, std::uint64_t value) {
  auto file = file_of(key);
  if (is_v2)
    return write_text(
        dir, "io.max",
        numbers + " " + file.word
            + (value == no_limit ? std::string{"max"} : std::to_string(value)));
  return write_text(dir, file.v1,
                    numbers + " "
                        + std::to_string(value == no_limit ? 0 : value));
}

result<void> replace(const cgroup_dir& dir, list_key key, bool is_v2,
                     const rates& from, const rates& to) {
  for (const auto& item : to)
    if (auto done = write_rate(dir, key, is_v2, item.name, item.value); !done)
      return done;
  for (const auto& item : from)
    if (std::ranges::find(to, item.name, &named_limit::name) == to.end())
      if (auto done = write_rate(dir, key, is_v2, item.name, no_limit); !done)
        return done;
  return {};
}

constexpr auto weight_files_v1 = std::array{"blkio.bfq.weight"};
// Of bfq, and of cost control.
constexpr auto weight_files_v2 = std::array{"io.bfq.weight", "io.weight"};

constexpr auto no_weights = "no weights in this kernel: load the scheduler bfq";

template <std::size_t N>
result<void> write_weight(const cgroup_dir& dir, std::uint64_t value,
                          const std::array<const char*, N>& files) {
  auto done = result<void>{};
  auto found = false;
  for (const auto* file : files) {
    done = write_text(dir, file, std::to_string(value));
    found = found || done;
    if (!done && done.error().code != ENOENT)
      return done;
  }
  if (found)
    return {};
  done.error().hint = no_weights;
  return done;
}

// "100", or "default 100" and lines of devices.
template <std::size_t N>
result<std::uint64_t> read_weight(const cgroup_dir& dir,
                                  const std::array<const char*, N>& files) {
  result<std::string> text = tl::make_unexpected(sys_error{});
  for (const auto* file : files) {
    text = read_text(dir, file);
    if (text || text.error().code != ENOENT)
      break;
  }
  if (!text && text.error().code == ENOENT)
    text.error().hint = no_weights;
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  if (auto value = find_field(*text, "default"))
    return *value;
  if (auto value = parse_number(*text))
    return *value;
  return make_error(EBADMSG, "read a weight from", dir.path(files.front()));
}

result<void> set_weight_v1(const cgroup_dir& dir, std::uint64_t value) {
  return write_weight(dir, value, weight_files_v1);
}

result<std::uint64_t> get_weight_v1(const cgroup_dir& dir) {
  return read_weight(dir, weight_files_v1);
}

result<void> set_weight_v2(const cgroup_dir& dir, std::uint64_t value) {
  return write_weight(dir, value, weight_files_v2);
}

result<std::uint64_t> get_weight_v2(const cgroup_dir& dir) {
  return read_weight(dir, weight_files_v2);
}

} // namespace

const limit_ops io_weight_v1{controller::blkio, set_weight_v1, get_weight_v1,
                             limit_kind::share};
const limit_ops io_weight_v2{controller::blkio, set_weight_v2, get_weight_v2,
                             limit_kind::share};

std::string device_path(const std::string& numbers) {
  auto name = kernel_name(numbers);
  if (!name)
    return numbers;
  std::ranges::replace(*name, '!', '/');
  auto path = "/dev/" + *name;
  auto back = numbers_of(path);
  return back && *back == numbers ? path : numbers;
}

result<void> set_device_limits(const container_cgroup& group, list_key key,
                               const std::vector<named_limit>& list) {
  auto dir = group.limits_dir(controller::blkio);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto wanted = resolve(list);
  if (!wanted)
    return tl::make_unexpected(std::move(wanted.error()));
  auto is_v2 = group.mode() == cgroup_mode::v2;
  auto before = read_rates(*dir, key, is_v2);
  if (!before)
    return tl::make_unexpected(std::move(before.error()));
  auto done = replace(*dir, key, is_v2, *before, *wanted);
  if (!done)
    if (auto undone = replace(*dir, key, is_v2, *wanted, *before); !undone)
      return tl::make_unexpected(also(std::move(done.error()), undone.error()));
  return done;
}

result<std::vector<named_limit>>
get_device_limits(const container_cgroup& group, list_key key) {
  return group.limits_dir(controller::blkio)
      .and_then([&](const cgroup_dir& dir) {
        return read_rates(dir, key, group.mode() == cgroup_mode::v2);
      })
      .map([](rates list) {
        for (auto& item : list)
          item.name = device_path(item.name);
        std::ranges::sort(list, {}, &named_limit::name);
        return list;
      });
}

} // namespace reeve::kernel
