// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"
#include "kernel-iface/cgroup_stats.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reeve::kernel {

namespace {

std::string spell_v1(std::uint64_t value) {
  return value == no_limit ? "-1" : std::to_string(value);
}

std::string spell_v2(std::uint64_t value) {
  return value == no_limit ? "max" : std::to_string(value);
}

/// v1 refuses a limit below what is in use and does not say what that is.
result<void> write_v1(const cgroup_dir& dir, const std::string& stem,
                      std::uint64_t value) {
  auto done = write_text(dir, stem + ".limit_in_bytes", spell_v1(value));
  if (!done && done.error().code == EBUSY)
    if (auto usage = read_number(dir, stem + ".usage_in_bytes"))
      done.error().hint = "in use: " + std::to_string(*usage) + " bytes";
  return done;
}

/// Memory, and memory with swap. The first is never above the second.
struct pair_v1 {
  std::uint64_t memory = no_limit;
  std::uint64_t sum = no_limit;

  [[nodiscard]] std::uint64_t swap() const {
    return sum == no_limit ? no_limit : sum - std::min(sum, memory);
  }

  [[nodiscard]] pair_v1 with_swap(std::uint64_t bytes) const {
    auto is_endless = memory == no_limit || bytes >= v1_unlimited;
    return {memory, is_endless ? no_limit : memory + bytes};
  }
};

result<std::uint64_t> get_v1(const cgroup_dir& dir, const char* file) {
  return read_number(dir, file).map([](std::uint64_t value) {
    return value >= v1_unlimited ? no_limit : value;
  });
}

result<std::uint64_t> get_memory_v1(const cgroup_dir& dir) {
  return get_v1(dir, "memory.limit_in_bytes");
}

result<std::uint64_t> get_sum_v1(const cgroup_dir& dir) {
  auto sum = get_v1(dir, "memory.memsw.limit_in_bytes");
  if (!sum && sum.error().code == ENOENT)
    sum.error().hint = "this kernel does not count swap (swapaccount=1)";
  return sum;
}

result<pair_v1> get_pair_v1(const cgroup_dir& dir) {
  auto sum = get_sum_v1(dir);
  if (!sum)
    return tl::make_unexpected(std::move(sum.error()));
  return get_memory_v1(dir).map([&](std::uint64_t memory) {
    return pair_v1{memory, *sum};
  });
}

/// memory <= memory+swap holds at any moment: raise the sum first, lower it
/// last. If the second write is refused the first is taken back.
result<void> set_pair_v1(const cgroup_dir& dir, const pair_v1& from,
                         const pair_v1& to) {
  auto raises = to.memory > from.sum;
  const auto* first = raises ? "memory.memsw" : "memory";
  const auto* second = raises ? "memory" : "memory.memsw";
  if (auto done = write_v1(dir, first, raises ? to.sum : to.memory); !done)
    return done;
  auto done = write_v1(dir, second, raises ? to.memory : to.sum);
  if (done)
    return done;
  auto undone = write_v1(dir, first, raises ? from.sum : from.memory);
  if (!undone)
    return tl::make_unexpected(also(std::move(done.error()), undone.error()));
  return done;
}

result<void> refuse_swap(const cgroup_dir& dir, std::uint64_t value) {
  return make_error(EINVAL, "limit swap to " + std::to_string(value) + " in",
                    dir.path(), "set memory.limit first, or as well");
}

/// What is to be in force: the amount of swap stays what it is where nothing
/// else is asked for, none with the first limit of memory.
result<memory_limits> complete(const cgroup_dir& dir, const memory_limits& now,
                               const memory_change& wanted) {
  memory_limits out;
  out.memory = wanted.memory.value_or(now.memory);
  if (out.memory == no_limit) {
    if (wanted.swap.value_or(no_limit) != no_limit)
      return tl::make_unexpected(refuse_swap(dir, *wanted.swap).error());
    return out;
  }
  out.swap = wanted.swap.value_or(now.memory == no_limit ? 0 : now.swap);
  return out;
}

pair_v1 to_pair(const memory_limits& limits) {
  return pair_v1{limits.memory, {}}.with_swap(limits.swap);
}

result<memory_limits> get_memory_limits_v1(const cgroup_dir& dir) {
  auto now = get_pair_v1(dir);
  if (!now && now.error().code == ENOENT) // no swap accounting
    return get_memory_v1(dir).map([](std::uint64_t memory) {
      return memory_limits{memory, no_limit};
    });
  return now.map([](const pair_v1& pair) {
    return memory_limits{pair.memory, pair.swap()};
  });
}

result<void> set_memory_v1(const cgroup_dir& dir, const memory_change& wanted) {
  auto now = get_pair_v1(dir);
  if (!now && now.error().code == ENOENT && !wanted.swap)
    return write_v1(dir, "memory", wanted.memory.value_or(no_limit));
  if (!now)
    return tl::make_unexpected(std::move(now.error()));
  return complete(dir, {now->memory, now->swap()}, wanted)
      .and_then([&](const memory_limits& to) {
        return set_pair_v1(dir, *now, to_pair(to));
      });
}

result<void> set_swappiness_v1(const cgroup_dir& dir, std::uint64_t value) {
  auto done = write_text(dir, "memory.swappiness", std::to_string(value));
  if (!done && done.error().code == EINVAL)
    done.error().hint = "more than 100 needs Linux 5.8";
  return done;
}

result<std::uint64_t> get_swappiness_v1(const cgroup_dir& dir) {
  return read_number(dir, "memory.swappiness");
}

result<void> set_soft_v1(const cgroup_dir& dir, std::uint64_t value) {
  return write_text(dir, "memory.soft_limit_in_bytes",
                    value == no_limit ? "-1" : std::to_string(value));
}

result<std::uint64_t> get_soft_v1(const cgroup_dir& dir) {
  return read_number(dir, "memory.soft_limit_in_bytes")
      .map([](std::uint64_t value) {
        return value < v1_unlimited ? value : no_limit;
      });
}

result<std::uint64_t> get_soft_v2(const cgroup_dir& dir) {
  return read_number(dir, "memory.low").map([](std::uint64_t value) {
    return value == 0 ? no_limit : value;
  });
}

/// A container that allocates as fast as it is reclaimed must not keep us.
constexpr auto most_tries = 16;

/// memory.max kills until a limit below what is in use holds, where v1 refuses
/// it. So that it means the same on both: reclaim as v1 does, and refuse if
/// that is not enough. Who needs memory between this and the write is killed
/// for it at worst, as a moment later.
result<void> make_room_v2(const cgroup_dir& dir, std::uint64_t value) {
  auto before = no_limit;
  for (auto tries = 0;; ++tries) {
    auto used = read_number(dir, "memory.current");
    if (!used)
      return tl::make_unexpected(std::move(used.error()));
    if (*used <= value)
      return {};
    if (*used >= before || tries == most_tries)
      return make_error(EBUSY, "write \"" + spell_v2(value) + "\" to",
                        dir.path("memory.max"),
                        "in use: " + std::to_string(*used) + " bytes");
    before = *used;
    // What it cannot do is seen by what is in use then. Linux 5.19.
    static_cast<void>(
        write_text(dir, "memory.reclaim", std::to_string(*used - value)));
  }
}

result<std::uint64_t> get_v2(const cgroup_dir& dir) {
  return read_number(dir, "memory.max");
}

/// Swap is beside memory.max, not within it, so that a limit alone would let
/// the rest go to swap.
result<memory_limits> get_memory_limits_v2(const cgroup_dir& dir) {
  auto memory = get_v2(dir);
  if (!memory)
    return tl::make_unexpected(std::move(memory.error()));
  auto swap = read_number(dir, "memory.swap.max");
  if (!swap && swap.error().code != ENOENT) // no swap in this kernel
    return tl::make_unexpected(std::move(swap.error()));
  return memory_limits{*memory, swap.value_or(no_limit)};
}

result<void> write_swap_v2(const cgroup_dir& dir, std::uint64_t value) {
  return write_text(dir, "memory.swap.max", spell_v2(value));
}

/// Below what is in use it is refused, as on v1: v2 would take it and leave
/// there what is.
result<void> check_swap_v2(const cgroup_dir& dir, std::uint64_t value) {
  auto used = read_number(dir, "memory.swap.current");
  if (!used || *used <= value)
    return {};
  return make_error(EBUSY, "write \"" + spell_v2(value) + "\" to",
                    dir.path("memory.swap.max"),
                    "in use: " + std::to_string(*used) + " bytes of swap");
}

/// Swap comes first, or what is reclaimed would go where it may not, or could
/// not go where it may. If the second write is refused the first is taken back.
result<void> set_memory_v2(const cgroup_dir& dir, const memory_change& wanted) {
  auto now = get_memory_limits_v2(dir);
  if (!now)
    return tl::make_unexpected(std::move(now.error()));
  auto to = complete(dir, *now, wanted);
  if (!to)
    return tl::make_unexpected(std::move(to.error()));
  auto changes_swap = to->swap != now->swap;
  if (changes_swap) {
    auto done = check_swap_v2(dir, to->swap).and_then([&] {
      return write_swap_v2(dir, to->swap);
    });
    changes_swap = done.has_value();
    if (!done && (done.error().code != ENOENT || wanted.swap))
      return done;
  }
  if (!wanted.memory)
    return {};
  auto done = make_room_v2(dir, to->memory).and_then([&] {
    return write_text(dir, "memory.max", spell_v2(to->memory));
  });
  if (done || !changes_swap)
    return done;
  if (auto undone = write_swap_v2(dir, now->swap); !undone)
    return tl::make_unexpected(also(std::move(done.error()), undone.error()));
  return done;
}

constexpr auto no_swappiness =
    "cgroup2 has none for a group; vm.swappiness of the host holds for all";

result<void> set_swappiness_v2(const cgroup_dir& dir, std::uint64_t value) {
  return make_error(ENOTSUP, "set swappiness " + std::to_string(value) + " of",
                    dir.path(), no_swappiness);
}

result<std::uint64_t> get_swappiness_v2(const cgroup_dir& dir) {
  return make_error(ENOTSUP, "get the swappiness of", dir.path(),
                    no_swappiness);
}

} // namespace

const limit_ops soft_memory_v1{controller::memory, set_soft_v1, get_soft_v1};
const limit_ops soft_memory_v2{controller::memory, nullptr,
                               get_soft_v2,        limit_kind::amount,
                               "memory.low",       [](sys_error&) {}};
const limit_ops swappiness_v1{controller::memory, set_swappiness_v1,
                              get_swappiness_v1};
const limit_ops swappiness_v2{controller::memory, set_swappiness_v2,
                              get_swappiness_v2};

result<void> set_memory_limits(const container_cgroup& group,
                               const memory_change& wanted) {
  auto set = group.mode() == cgroup_mode::v2 ? set_memory_v2 : set_memory_v1;
  return group.limits_dir(controller::memory)
      .and_then([&](const cgroup_dir& dir) { return set(dir, wanted); });
}

result<memory_limits> get_memory_limits(const container_cgroup& group) {
  return group.limits_dir(controller::memory)
      .and_then(group.mode() == cgroup_mode::v2 ? get_memory_limits_v2
                                                : get_memory_limits_v1);
}

result<void> restore_memory_limits(const container_cgroup& group,
                                   const memory_limits& before) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() != cgroup_mode::v2) {
    auto now = get_pair_v1(*dir);
    if (!now && now.error().code == ENOENT)
      return write_v1(*dir, "memory", before.memory);
    if (!now)
      return tl::make_unexpected(std::move(now.error()));
    return set_pair_v1(*dir, *now, to_pair(before));
  }
  auto swap = write_swap_v2(*dir, before.swap);
  if (!swap && swap.error().code != ENOENT)
    return swap;
  return write_text(*dir, "memory.max", spell_v2(before.memory));
}

result<std::uint64_t> memory_in_use(const container_cgroup& group) {
  const auto* file = group.mode() == cgroup_mode::v2 ? "memory.current"
                                                     : "memory.usage_in_bytes";
  return group.limits_dir(controller::memory)
      .and_then(
          [file](const cgroup_dir& dir) { return read_number(dir, file); });
}

result<std::uint64_t> swap_in_use(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() == cgroup_mode::v2)
    return read_number(*dir, "memory.swap.current");
  auto sum = read_number(*dir, "memory.memsw.usage_in_bytes");
  if (!sum)
    return sum;
  return memory_in_use(group).map(
      [&sum](std::uint64_t memory) { return *sum - std::min(*sum, memory); });
}

// Not of nested containers, which v2 would count, too.
result<std::uint64_t> oom_kill_count(const container_cgroup& group) {
  auto dir = group.mode() == cgroup_mode::v2
                 ? group.run_dir()
                 : group.limits_dir(controller::memory);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  const auto* file =
      group.mode() == cgroup_mode::v2 ? "memory.events" : "memory.oom_control";
  auto text = read_text(*dir, file);
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  if (auto count = find_field(*text, "oom_kill"))
    return *count;
  return make_error(EBADMSG, "find oom_kill in", dir->path(file));
}

namespace {

std::optional<std::string> content_of(const std::string& path) {
  auto fd = unique_fd::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return std::nullopt;
  auto text = read_all(fd.get(), path);
  return text ? std::optional{std::move(*text)} : std::nullopt;
}

std::optional<std::uint64_t> number_of(const std::string& path) {
  auto text = content_of(path);
  return text ? parse_number(*text) : std::nullopt;
}

// How often a limit of this group itself was hit; nothing above the root.
std::optional<std::uint64_t> hits_of(const std::string& group,
                                     cgroup_mode mode) {
  if (mode != cgroup_mode::v2)
    return number_of(group + "/memory.failcnt");
  auto events = content_of(group + "/memory.events.local"); // Linux 5.2
  return events ? find_field(*events, "oom") : std::nullopt;
}

std::int64_t room_of(const std::string& group, cgroup_mode mode) {
  auto is_v2 = mode == cgroup_mode::v2;
  auto limit =
      number_of(group + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  auto used =
      number_of(group + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used || *limit >= v1_unlimited)
    return memory_room::endless;
  return static_cast<std::int64_t>(*limit - *limit / 8)
         - static_cast<std::int64_t>(*used);
}

struct limiting_group {
  std::string path;
  std::uint64_t hits = 0;
};

// The group with the container's limits, then those that enclose it.
std::vector<limiting_group> limiting_groups(const container_cgroup& group) {
  std::vector<limiting_group> out;
  auto dir = group.limits_dir(controller::memory);
  if (!dir)
    return out;
  auto path = dir->path();
  while (auto hits = hits_of(path, group.mode())) {
    out.push_back({path, *hits});
    path.erase(path.rfind('/'));
  }
  return out;
}

} // namespace

result<oom_counts> read_oom_counts(const container_cgroup& group) {
  auto kills = oom_kill_count(group);
  if (!kills)
    return tl::make_unexpected(std::move(kills.error()));
  auto out = oom_counts{*kills, 0, 0};
  auto* sum = &out.own_hits;
  for (const auto& one : limiting_groups(group)) {
    *sum += one.hits;
    sum = &out.outer_hits;
  }
  return out;
}

memory_room read_memory_room(const container_cgroup& group) {
  memory_room out;
  auto* least = &out.own;
  for (const auto& one : limiting_groups(group)) {
    *least = std::min(*least, room_of(one.path, group.mode()));
    least = &out.outer;
  }
  return out;
}

} // namespace reeve::kernel
