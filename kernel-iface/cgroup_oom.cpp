// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_oom.hpp"

#include "kernel-iface/cgroup_file.hpp"
#include "kernel-iface/cgroup_resources.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace reeve::kernel {

namespace {

result<void> set_pause_v2(const cgroup_dir& dir, oom_pause pause) {
  auto limit = read_number(dir, "memory.max");
  if (!limit)
    return tl::make_unexpected(std::move(limit.error()));
  if (pause == oom_pause::on)
    if (auto file = open_file(dir, "memory.reclaim", O_WRONLY); !file)
      return make_error(file.error().code == ENOENT ? ENOTSUP
                                                    : file.error().code,
                        "watch the memory of", dir.path(),
                        "it takes memory.reclaim, of Linux 5.19");
  auto high = pause == oom_pause::on && *limit != no_limit
                  ? std::to_string(*limit - oom_margin(*limit))
                  : std::string{"max"};
  return write_text(dir, "memory.high", high);
}

/// Bytes above memory.high.
result<std::uint64_t> excess_of(const cgroup_dir& dir) {
  auto high = read_number(dir, "memory.high");
  if (!high)
    return high;
  return read_number(dir, "memory.current").map([&high](std::uint64_t used) {
    return used - std::min(used, *high);
  });
}

/// Who takes memory is slowed down meanwhile; what is left when the kernel has
/// tried cannot be reclaimed.
result<bool> is_out_v2(const cgroup_dir& dir) {
  auto excess = excess_of(dir);
  if (!excess)
    return tl::make_unexpected(std::move(excess.error()));
  if (*excess == 0)
    return false;
  auto done = write_text(dir, "memory.reclaim", std::to_string(*excess));
  if (done)
    return false;
  if (done.error().code != EAGAIN)
    return tl::make_unexpected(std::move(done.error()));
  return excess_of(dir).map([](std::uint64_t left) { return left != 0; });
}

/// Within what a charge may ask for at once of the limit, or it is not counted.
bool is_near_v1(const cgroup_dir& dir, const std::string& stem) {
  constexpr auto most = std::uint64_t{2} << 20U;
  constexpr auto part = 8;
  auto limit = read_number(dir, stem + ".limit_in_bytes");
  auto used = read_number(dir, stem + ".usage_in_bytes");
  return limit && used && *limit < v1_unlimited
         && *used >= *limit - std::min(*limit / part, most);
}

/// Nothing where it cannot be read, as above the root.
bool is_under_oom_v1(const cgroup_dir& dir) {
  auto text = read_text(dir, "memory.oom_control");
  return text && find_field(*text, "under_oom") == 1;
}

/// `under_oom` is also said of all those below a group that is out of memory:
/// then it is that one's affair.
result<memory_need> get_need_v1(const cgroup_dir& dir) {
  auto above = dir;
  auto slash = above.name.rfind('/');
  above.name.erase(slash != std::string::npos ? slash : 0);
  return read_text(dir, "memory.oom_control").map([&](const std::string& text) {
    if (find_field(text, "under_oom") != 1)
      return memory_need::none;
    auto is_own = is_near_v1(dir, "memory") || is_near_v1(dir, "memory.memsw");
    return is_own && !is_under_oom_v1(above) ? memory_need::real
                                             : memory_need::unfounded;
  });
}

result<memory_need> get_need_v2(const cgroup_dir& dir) {
  return excess_of(dir).map([](std::uint64_t bytes) {
    return bytes != 0 ? memory_need::real : memory_need::none;
  });
}

result<unique_fd> open_events_v1(const cgroup_dir& dir) {
  auto fd = unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd)
    return last_error("make an eventfd for", dir.path());
  auto control = open_file(dir, "memory.oom_control", O_RDONLY);
  if (!control)
    return control;
  // The kernel keeps the event as long as the eventfd is open.
  return write_text(dir, "cgroup.event_control",
                    std::to_string(fd.get()) + " "
                        + std::to_string(control->get()))
      .map([&fd] { return std::move(fd); });
}

} // namespace

std::uint64_t oom_margin(std::uint64_t limit) {
  constexpr auto most = std::uint64_t{32} << 20U;
  constexpr auto part = 16;
  return std::min(limit / part, most);
}

result<void> set_oom_pause(const container_cgroup& group, oom_pause pause) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() == cgroup_mode::v2)
    return set_pause_v2(*dir, pause);
  return write_text(*dir, "memory.oom_control",
                    pause == oom_pause::on ? "1" : "0");
}

result<oom_pause> get_oom_pause(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto to_pause = [](bool is_on) {
    return is_on ? oom_pause::on : oom_pause::off;
  };
  if (group.mode() == cgroup_mode::v2)
    return read_number(*dir, "memory.high").map([&](std::uint64_t high) {
      return to_pause(high != no_limit);
    });
  return read_text(*dir, "memory.oom_control")
      .map([&](const std::string& text) {
        return to_pause(find_field(text, "oom_kill_disable") == 1);
      });
}

result<memory_need> get_memory_need(const container_cgroup& group) {
  return group.limits_dir(controller::memory)
      .and_then(group.mode() == cgroup_mode::v2 ? get_need_v2 : get_need_v1);
}

result<void> wake_waiting(const container_cgroup& group) {
  return set_oom_pause(group, oom_pause::off).and_then([&group] {
    return set_oom_pause(group, oom_pause::on);
  });
}

result<std::uint64_t> count_shortages(const container_cgroup& group) {
  if (group.mode() != cgroup_mode::v2)
    return make_error(ENOTSUP, "count shortages of memory of",
                      "'" + group.id() + "'", "cgroup v1 does not");
  return group.limits_dir(controller::memory)
      .and_then(
          [](const cgroup_dir& dir) { return read_text(dir, "memory.events"); })
      .map([](const std::string& text) {
        return find_field(text, "high").value_or(0)
               + find_field(text, "max").value_or(0);
      });
}

result<bool> is_out_of_memory(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() == cgroup_mode::v2)
    return is_out_v2(*dir);
  return get_need_v1(*dir).map(
      [](memory_need need) { return need == memory_need::real; });
}

result<oom_watch> oom_watch::open(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  auto is_v2 = group.mode() == cgroup_mode::v2;
  auto fd =
      is_v2 ? open_file(*dir, "memory.events", O_RDONLY) : open_events_v1(*dir);
  return std::move(fd).map([is_v2](unique_fd open) {
    return oom_watch{std::move(open),
                     is_v2 ? EPOLLPRI : static_cast<std::uint32_t>(EPOLLIN)};
  });
}

// kernfs tells once for each change after a read from the beginning.
void oom_watch::take() const {
  std::array<char, 512> unused{};
  if (events_ == EPOLLPRI)
    static_cast<void>(::lseek(fd_.get(), 0, SEEK_SET));
  static_cast<void>(::read(fd_.get(), unused.data(), unused.size()));
}

} // namespace reeve::kernel
