// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/limit_table.hpp"

#include "actors/error.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_stats.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

namespace reeve::actors {

namespace {

using kernel::container_cgroup;
using kernel::cpuset_key;
using kernel::limit_key;
using kernel::result;

/// One key: what `limits` has for it, and the kernel.
struct limit_row {
  std::string_view key;
  bool (*is_asked)(const config::limits&);
  result<void> (*set)(const container_cgroup&, const config::limits&);
  result<void> (*restore)(const container_cgroup&, const config::limits&);
  result<void> (*get)(const container_cgroup&, config::limits&);
};

template <auto Member>
bool is_asked(const config::limits& in) {
  return !(in.*Member).is_absent();
}

// `Scale` of the kernel's units are one of the spec's.
template <auto Member, limit_key Key, unsigned Scale>
limit_row number_row(std::string_view key) {
  using value_type = std::remove_cvref_t<
      decltype((std::declval<config::limits>().*Member).value().value())>;
  auto set = [](const container_cgroup& group, const config::limits& in) {
    auto value = (in.*Member).value();
    if (!value)
      return kernel::set_limit(group, Key, kernel::no_limit);
    if constexpr (std::is_integral_v<value_type>)
      return kernel::set_limit(group, Key, *value * Scale);
    else
      return kernel::set_limit(
          group, Key, static_cast<std::uint64_t>(std::llround(*value * Scale)));
  };
  auto get = [](const container_cgroup& group, config::limits& out) {
    return kernel::get_limit(group, Key).map([&out](std::uint64_t value) {
      if (value == kernel::no_limit)
        out.*Member =
            std::remove_reference_t<decltype(out.*Member)>::unlimited();
      else
        out.*Member = static_cast<value_type>(value) / Scale;
    });
  };
  return {key, is_asked<Member>, set, set, get};
}

template <auto Member, cpuset_key Key>
limit_row list_row(std::string_view key) {
  auto set = [](const container_cgroup& group, const config::limits& in) {
    return kernel::set_cpuset(group, Key,
                              (in.*Member).value().value_or(std::string{}));
  };
  auto get = [](const container_cgroup& group, config::limits& out) {
    return kernel::get_cpuset(group, Key).map([&out](std::string list) {
      if (list.empty())
        out.*Member = config::limit_value<std::string>::unlimited();
      else
        out.*Member = std::move(list);
    });
  };
  auto restore = [](const container_cgroup& group, const config::limits& in) {
    return kernel::restore_cpuset(group, Key,
                                  (in.*Member).value().value_or(std::string{}));
  };
  return {key, is_asked<Member>, set, restore, get};
}

using config::limits;

const limit_row table[] = {
    number_row<&limits::memory_bytes, limit_key::memory_max, 1>("memory.limit"),
    number_row<&limits::cpus, limit_key::cpu_max, 1000>("cpu.limit"),
    number_row<&limits::cpu_burst_ms, limit_key::cpu_burst, 1000>("cpu.burst"),
    number_row<&limits::cpu_weight, limit_key::cpu_weight, 1>("cpu.weight"),
    list_row<&limits::cpuset_cpus, cpuset_key::cpus>("cpuset.cpus"),
    list_row<&limits::cpuset_mems, cpuset_key::mems>("cpuset.mems"),
    number_row<&limits::pids, limit_key::pids_max, 1>("pids.limit"),
};

using rows = std::vector<const limit_row*>;

struct done_row {
  const limit_row* row;
  config::limits before; ///< this one alone
};

// What was set before goes back in reverse order.
caf::error undo(const container_cgroup& group,
                const std::vector<done_row>& done,
                const kernel::sys_error& why) {
  auto text = to_string(why);
  for (auto it = done.rbegin(); it != done.rend(); ++it)
    if (auto back = it->row->restore(group, it->before); !back)
      text += "; then, setting back: " + to_string(back.error());
  return make_error(errc::refused_by_kernel, std::move(text));
}

caf::expected<limit_readings> read(const container_cgroup& group,
                                   const rows& which, bool skips_missing) {
  limit_readings out;
  out.source = group.id();
  for (const auto* row : which) {
    config::limits one;
    auto got = row->get(group, one);
    auto is_missing =
        !got
        && (got.error().code == ENOENT || got.error().code == ENODEV
            || got.error().code == ENOTSUP);
    if (is_missing && skips_missing)
      continue;
    if (!got)
      return make_error(got.error());
    out.limits.push_back(
        {std::string{row->key}, config::to_text(one, row->key).value_or("")});
  }
  return out;
}

// They are in force; that they cannot be read back is no reason to say no.
limit_readings as_asked(const container_cgroup& group,
                        const config::limits& wanted, const rows& which) {
  limit_readings out;
  out.source = group.id();
  for (const auto* row : which)
    out.limits.push_back({std::string{row->key},
                          config::to_text(wanted, row->key).value_or("")});
  return out;
}

// The first refusal of those that are left when none of them gets any further.
std::optional<kernel::sys_error> set_rows(const container_cgroup& group,
                                          const config::limits& wanted,
                                          rows left,
                                          std::vector<done_row>& done) {
  auto may_need_undo = left.size() > 1; // nobody asks what a single one was
  while (!left.empty()) {
    std::optional<kernel::sys_error> refused;
    rows later;
    for (const auto* row : left) {
      auto item = done_row{row, {}};
      auto ok = may_need_undo ? row->get(group, item.before) : result<void>{};
      if (ok)
        ok = row->set(group, wanted);
      if (ok) {
        done.push_back(std::move(item));
        continue;
      }
      // Values are at odds with each other; anything else does not change.
      if (ok.error().code != EINVAL)
        return std::move(ok.error());
      later.push_back(row);
      if (!refused)
        refused = std::move(ok.error());
    }
    if (later.size() == left.size())
      return refused;
    left = std::move(later);
  }
  return std::nullopt;
}

} // namespace

caf::expected<limit_readings> set_all(const container_cgroup& group,
                                      const config::limits& wanted) {
  rows asked;
  for (const auto& row : table)
    if (row.is_asked(wanted))
      asked.push_back(&row);
  std::vector<done_row> done;
  if (auto refused = set_rows(group, wanted, asked, done))
    return undo(group, done, *refused);
  auto now = read(group, asked, false);
  return now ? now : as_asked(group, wanted, asked);
}

caf::expected<limit_readings> get_all(const container_cgroup& group) {
  rows all;
  for (const auto& row : table)
    all.push_back(&row);
  return read(group, all, true);
}

caf::expected<limit_readings> get_some(const container_cgroup& group,
                                       const std::vector<std::string>& keys) {
  rows some;
  for (const auto& row : table)
    if (std::ranges::find(keys, row.key) != keys.end())
      some.push_back(&row);
  return read(group, some, false);
}

bool may_take_long(const container_cgroup& group,
                   const config::limits& wanted) {
  if (!wanted.cpuset_cpus.is_absent() || !wanted.cpuset_mems.is_absent())
    return true;
  auto bytes = wanted.memory_bytes.value();
  if (!bytes)
    return false;
  auto used = kernel::memory_in_use(group);
  return !used || *used > *bytes;
}

} // namespace reeve::actors
