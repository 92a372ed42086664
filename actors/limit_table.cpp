// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/limit_table.hpp"

#include "actors/error.hpp"
#include "kernel-iface/cgroup_limits.hpp"
#include "kernel-iface/cgroup_oom.hpp"
#include "kernel-iface/cgroup_stats.hpp"
#include "kernel-iface/oom_victim.hpp"

#include <sys/sysinfo.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

namespace reeve::actors {

namespace {

using kernel::container_cgroup;
using kernel::cpuset_key;
using kernel::limit_key;
using kernel::list_key;
using kernel::result;

/// One key: what `limits` has for it, and the kernel.
struct limit_row {
  std::string_view key;
  bool (*is_asked)(const config::limits&);
  result<void> (*set)(const container_cgroup&, const config::limits&);
  result<void> (*restore)(const container_cgroup&, const config::limits&);
  result<void> (*get)(const container_cgroup&, config::limits&);
  bool frees_memory = false; ///< EBUSY: processes have more than it allows
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
      using limit = std::remove_reference_t<decltype(out.*Member)>;
      if (value == kernel::no_limit)
        out.*Member = limit::unlimited();
      else if constexpr (std::is_integral_v<value_type>)
        out.*Member = static_cast<value_type>(value / Scale);
      else
        out.*Member = static_cast<value_type>(value) / Scale;
    });
  };
  return {key, is_asked<Member>, set, set, get};
}

std::optional<std::uint64_t>
to_kernel(const config::limit_value<std::uint64_t>& value) {
  if (value.is_absent())
    return std::nullopt;
  return value.value().value_or(kernel::no_limit);
}

config::limit_value<std::uint64_t> from_kernel(std::uint64_t value) {
  if (value == kernel::no_limit)
    return config::limit_value<std::uint64_t>::unlimited();
  return value;
}

// Memory and the swap beside it are one thing to the kernel of v1, and one is
// in the way of the other: they are read, set and taken back together.
result<void> set_memory(const container_cgroup& group,
                        const config::limits& in) {
  return kernel::set_memory_limits(
      group, {to_kernel(in.memory_bytes), to_kernel(in.swap_bytes)});
}

result<void> get_memory(const container_cgroup& group, config::limits& out) {
  return kernel::get_memory_limits(group).map(
      [&out](const kernel::memory_limits& now) {
        out.memory_bytes = from_kernel(now.memory);
        out.swap_bytes = from_kernel(now.swap);
      });
}

result<void> restore_memory(const container_cgroup& group,
                            const config::limits& in) {
  return kernel::restore_memory_limits(
      group, {to_kernel(in.memory_bytes).value_or(kernel::no_limit),
              to_kernel(in.swap_bytes).value_or(kernel::no_limit)});
}

limit_row memory_row() {
  return {"memory.limit", is_asked<&config::limits::memory_bytes>,
          set_memory,     restore_memory,
          get_memory,     true};
}

// With the other one it is set by that one's row.
limit_row swap_row() {
  auto set = [](const container_cgroup& group, const config::limits& in) {
    return in.memory_bytes.is_absent() ? set_memory(group, in) : result<void>{};
  };
  auto get = [](const container_cgroup& group, config::limits& out) {
    if (out.memory_bytes.is_absent())
      return kernel::swap_in_use(group).and_then(
          [&](std::uint64_t) { return get_memory(group, out); });
    return result<void>{};
  };
  return {"memory.swap", is_asked<&config::limits::swap_bytes>, set,
          restore_memory, get};
}

// With the weight, which the kernel forgets when a group becomes idle.
limit_row idle_row(std::string_view key) {
  auto row = number_row<&config::limits::cpu_idle, limit_key::cpu_idle, 1>(key);
  row.get = [](const container_cgroup& group, config::limits& out) {
    auto value = kernel::get_limit(group, limit_key::cpu_idle);
    if (!value)
      return result<void>{tl::make_unexpected(value.error())};
    out.cpu_idle = *value != 0;
    if (*value != 0 || !out.cpu_weight.is_absent())
      return result<void>{};
    return kernel::get_limit(group, limit_key::cpu_weight)
        .map([&out](std::uint64_t now) { out.cpu_weight = now; });
  };
  row.restore = [](const container_cgroup& group, const config::limits& in) {
    auto done = kernel::set_limit(group, limit_key::cpu_idle,
                                  *in.cpu_idle.value() ? 1 : 0);
    auto before = in.cpu_weight.value();
    if (done && before && !*in.cpu_idle.value())
      done = kernel::set_limit(group, limit_key::cpu_weight, *before);
    return done;
  };
  return row;
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

template <auto Member, list_key Key>
limit_row amounts_row(std::string_view key) {
  auto set = [](const container_cgroup& group, const config::limits& in) {
    std::vector<kernel::named_limit> list;
    for (auto& item : (in.*Member).value().value_or(config::amount_list{}))
      list.push_back({std::move(item.name), item.value});
    return kernel::set_named_limits(group, Key, list);
  };
  auto get = [](const container_cgroup& group, config::limits& out) {
    return kernel::get_named_limits(group, Key)
        .map([&out](const std::vector<kernel::named_limit>& list) {
          config::amount_list amounts;
          for (const auto& item : list)
            amounts.push_back({item.name, item.value});
          using limit = std::remove_reference_t<decltype(out.*Member)>;
          out.*Member =
              amounts.empty() ? limit::unlimited() : limit{std::move(amounts)};
        });
  };
  return {key, is_asked<Member>, set, set, get};
}

using config::oom_action;
using config::oom_policy;
using kernel::oom_pause;

// Whoever carries the policy out knows the rest of it. What the kernel has is
// made from the limit of memory: see `follow_limit`.
oom_pause pause_for(const oom_policy& policy) {
  return policy.action == oom_action::kill ? oom_pause::off : oom_pause::on;
}

limit_row policy_row() {
  auto set = [](const container_cgroup& group, const config::limits& in) {
    return kernel::set_oom_pause(group, pause_for(*in.on_oom.value()));
  };
  auto get = [](const container_cgroup& group, config::limits& out) {
    return kernel::get_oom_pause(group).map([&out](oom_pause pause) {
      out.on_oom = oom_policy{pause == oom_pause::on ? oom_action::kill_largest
                                                     : oom_action::kill};
    });
  };
  return {"oom.policy", is_asked<&config::limits::on_oom>, set, set, get};
}

using config::limits;

const limit_row table[] = {
    memory_row(),
    swap_row(),
    number_row<&limits::swappiness, limit_key::memory_swappiness, 1>(
        "memory.swappiness"),
    number_row<&limits::memory_soft_bytes, limit_key::memory_soft, 1>(
        "memory.soft"),
    number_row<&limits::cpus, limit_key::cpu_max, 1000>("cpu.limit"),
    number_row<&limits::cpu_burst_ms, limit_key::cpu_burst, 1000>("cpu.burst"),
    number_row<&limits::cpu_weight, limit_key::cpu_weight, 1>("cpu.weight"),
    idle_row("cpu.idle"),
    number_row<&limits::cpu_rt, limit_key::cpu_rt, 1'000'000>("cpu.rt"),
    list_row<&limits::cpuset_cpus, cpuset_key::cpus>("cpuset.cpus"),
    list_row<&limits::cpuset_mems, cpuset_key::mems>("cpuset.mems"),
    number_row<&limits::pids, limit_key::pids_max, 1>("pids.limit"),
    number_row<&limits::io_weight, limit_key::io_weight, 1>("io.weight"),
    amounts_row<&limits::io_read_bps, list_key::io_read_bps>("io.read_bps"),
    amounts_row<&limits::io_write_bps, list_key::io_write_bps>("io.write_bps"),
    amounts_row<&limits::io_read_iops, list_key::io_read_iops>("io.read_iops"),
    amounts_row<&limits::io_write_iops, list_key::io_write_iops>(
        "io.write_iops"),
    amounts_row<&limits::hugetlb_bytes, list_key::hugetlb_max>("hugetlb.limit"),
    policy_row(),
};

using rows = std::vector<const limit_row*>;

/// What a change has done so far.
struct progress {
  rows done;
  config::limits before; ///< of those that are done, if anybody will ask
  std::vector<pid_t> killed;
};

// On v2 the policy is a wire below the limit of memory. `now` is what is in
// force of it if somebody knows; the kernel knows that there is one.
result<void> follow_limit(const container_cgroup& group, const rows& done,
                          const config::limits& now) {
  auto is_memory = [](const limit_row* row) { return row->frees_memory; };
  if (group.mode() != kernel::cgroup_mode::v2
      || std::ranges::none_of(done, is_memory))
    return {};
  if (auto policy = now.on_oom.value())
    return kernel::set_oom_pause(group, pause_for(*policy));
  return kernel::get_oom_pause(group).and_then([&group](oom_pause pause) {
    return pause == oom_pause::on ? kernel::set_oom_pause(group, pause)
                                  : result<void>{};
  });
}

// What was set goes back in reverse order.
caf::error undo(const container_cgroup& group, const progress& made,
                const kernel::sys_error& why) {
  auto text = to_string(why);
  if (!made.killed.empty())
    text += "; killed to make room:";
  for (auto pid : made.killed)
    text += " " + std::to_string(pid);
  for (auto it = made.done.rbegin(); it != made.done.rend(); ++it)
    if (auto back = (*it)->restore(group, made.before); !back)
      text += "; then, setting back: " + to_string(back.error());
  if (auto back = follow_limit(group, made.done, made.before); !back)
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

// EBUSY: there is more in use than the limit allows. Only those are killed that
// are there now: what is started meanwhile, by a policy or a fork bomb, would
// never come to an end.
result<void> set_by_force(const limit_row& row, const container_cgroup& group,
                          const config::limits& wanted,
                          std::vector<pid_t>& killed) {
  auto victims = kernel::oom_victims(group);
  if (!victims)
    return tl::make_unexpected(std::move(victims.error()));
  constexpr auto patience = std::chrono::seconds{5};
  auto done = row.set(group, wanted);
  for (auto pid : *victims) {
    if (done || done.error().code != EBUSY)
      return done;
    auto pidfd = kernel::kill_member(group, pid);
    if (!pidfd)
      return tl::make_unexpected(std::move(pidfd.error()));
    if (!*pidfd)
      continue; // it went by itself
    killed.push_back(pid);
    if (!kernel::ends_until(pidfd->get(),
                            std::chrono::steady_clock::now() + patience)) {
      done.error().hint += "; process " + std::to_string(pid) + " does not end";
      return done;
    }
    done = row.set(group, wanted);
  }
  return done;
}

// There is nothing to take away where the machine has no such limit.
bool is_as_good_as_set(const limit_row& row, const config::limits& wanted,
                       const kernel::sys_error& why) {
  auto is_missing =
      why.code == ENOENT || why.code == ENODEV || why.code == ENOTSUP;
  return is_missing && config::is_none(wanted, row.key);
}

// Sets those of `left` that can be, and leaves those that another one may be in
// the way of, with the first refusal of them.
std::optional<kernel::sys_error> set_some(const container_cgroup& group,
                                          const limit_change& change,
                                          rows& left, progress& out) {
  auto may_go_back = change.tells_before || out.done.size() + left.size() > 1;
  std::optional<kernel::sys_error> refused;
  rows later;
  for (const auto* row : left) {
    auto before = out.before;
    // Behind the limit of memory there is the wire of v2 to be set.
    auto keeps_before = may_go_back || row->frees_memory;
    auto ok = keeps_before ? row->get(group, before) : result<void>{};
    if (ok)
      ok = change.restores ? row->restore(group, change.limits)
                           : row->set(group, change.limits);
    if (!ok && is_as_good_as_set(*row, change.limits, ok.error()))
      continue;
    if (ok) {
      out.done.push_back(row);
      out.before = std::move(before);
      continue;
    }
    // Values are at odds with each other, or with what is in use; anything else
    // does not change.
    if (ok.error().code != EINVAL && ok.error().code != EBUSY) {
      left.clear();
      return std::move(ok.error());
    }
    later.push_back(row);
    if (!refused)
      refused = std::move(ok.error());
  }
  left = std::move(later);
  return refused;
}

// The first refusal of those that are left when none of them gets any further.
// Nobody is killed before all others are set.
std::optional<kernel::sys_error> set_rows(const container_cgroup& group,
                                          const limit_change& change, rows left,
                                          progress& out) {
  while (!left.empty()) {
    auto count = left.size();
    auto refused = set_some(group, change, left, out);
    if (left.empty() || left.size() < count) {
      if (refused && left.empty())
        return refused;
      continue;
    }
    auto can_be_forced = change.kills && left.size() == 1
                         && left.front()->frees_memory
                         && refused->code == EBUSY;
    if (!can_be_forced)
      return refused;
    auto ok = left.front()->get(group, out.before).and_then([&] {
      return set_by_force(*left.front(), group, change.limits, out.killed);
    });
    if (!ok)
      return std::move(ok.error());
    out.done.push_back(left.front());
    return std::nullopt;
  }
  return std::nullopt;
}

bool host_has_swap() {
  struct sysinfo host {};
  return ::sysinfo(&host) != 0 || host.totalswap != 0;
}

// Somebody may have raised it meanwhile.
bool is_raise(const container_cgroup& group, const config::limits& wanted) {
  auto now = kernel::get_memory_limits(group);
  auto bytes = to_kernel(wanted.memory_bytes);
  return !now || !bytes || *bytes > now->memory;
}

} // namespace

caf::expected<limit_readings> set_all(const container_cgroup& group,
                                      const limit_change& change) {
  rows asked;
  for (const auto& row : table)
    if (row.is_asked(change.limits))
      asked.push_back(&row);
  if (change.raises && !is_raise(group, change.limits))
    return as_asked(group, {}, {});
  progress made;
  if (auto refused = set_rows(group, change, asked, made))
    return undo(group, made, *refused);
  if (auto done = follow_limit(group, made.done, change.limits); !done)
    return undo(group, made, done.error());
  auto now = read(group, asked, false);
  if (!now)
    now = as_asked(group, change.limits, asked);
  now->before = std::move(made.before);
  now->killed = std::move(made.killed);
  return now;
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
  // The kernel reclaims what is beyond the wire.
  if (!wanted.on_oom.is_absent() && group.mode() == kernel::cgroup_mode::v2)
    return true;
  if (!wanted.memory_bytes.value() && !wanted.swap_bytes.value())
    return false;
  // v1 may have to take pages out of swap as well.
  if (host_has_swap())
    if (auto swap = kernel::swap_in_use(group); swap && *swap != 0)
      return true;
  auto bytes = wanted.memory_bytes.value();
  if (!bytes)
    return false;
  auto most = *bytes;
  if (group.mode() == kernel::cgroup_mode::v2) // where there may be the wire
    most -= kernel::oom_margin(*bytes);
  auto used = kernel::memory_in_use(group);
  return !used || *used > most;
}

} // namespace reeve::actors
