// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_resources.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace reeve::kernel {

namespace {

constexpr std::uint64_t period_us = 100'000;
constexpr std::uint64_t us_per_milli_cpu = period_us / 1000;
constexpr std::uint64_t least_milli_cpus = 10; // the kernel's least quota: 1 ms
constexpr std::uint64_t most_weight = 10'000;

std::string spell_value(std::uint64_t value) {
  return value == no_limit ? "max" : std::to_string(value);
}

/// Quota in microseconds per period.
result<std::uint64_t> to_quota(const cgroup_dir& dir, std::uint64_t value) {
  if (value < least_milli_cpus || value > no_limit / us_per_milli_cpu)
    return make_error(EINVAL, "limit to " + spell_value(value) + " milli-CPUs",
                      dir.path(), "the least is 0.01 CPU");
  return value * us_per_milli_cpu;
}

result<void> explain_quota(result<void> done) {
  if (!done && done.error().code == EINVAL)
    done.error().hint =
        "more than the group above allows, less than the burst, "
        "or out of range";
  return done;
}

/// The period is the kernel's default and ours alone to change, so a change
/// of the limit is one write.
result<void> set_max_v1(const cgroup_dir& dir, std::uint64_t value) {
  constexpr auto* file = "cpu.cfs_quota_us";
  if (value == no_limit)
    return write_text(dir, file, "-1");
  return to_quota(dir, value).and_then([&dir](std::uint64_t quota) {
    return explain_quota(write_text(dir, file, std::to_string(quota)));
  });
}

result<std::uint64_t> to_milli_cpus(const cgroup_dir& dir, std::uint64_t quota,
                                    std::uint64_t period) {
  if (period == 0)
    return make_error(EBADMSG, "read a CPU period other than 0 from",
                      dir.path());
  return quota * 1000 / period;
}

result<std::uint64_t> get_max_v1(const cgroup_dir& dir) {
  auto quota = read_text(dir, "cpu.cfs_quota_us");
  if (!quota)
    return tl::make_unexpected(std::move(quota.error()));
  if (quota->starts_with("-"))
    return no_limit;
  auto value = parse_number(*quota);
  if (!value)
    return make_error(EBADMSG, "read a number from",
                      dir.path("cpu.cfs_quota_us"));
  return read_number(dir, "cpu.cfs_period_us")
      .and_then([&](std::uint64_t period) {
        return to_milli_cpus(dir, *value, period);
      });
}

result<void> set_max_v2(const cgroup_dir& dir, std::uint64_t value) {
  const auto tail = " " + std::to_string(period_us);
  if (value == no_limit)
    return write_text(dir, "cpu.max", "max" + tail);
  return to_quota(dir, value).and_then([&](std::uint64_t quota) {
    return explain_quota(
        write_text(dir, "cpu.max", std::to_string(quota) + tail));
  });
}

result<std::uint64_t> get_max_v2(const cgroup_dir& dir) {
  auto text = read_text(dir, "cpu.max");
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  auto words = split_words(*text);
  if (words.size() == 2)
    if (auto period = parse_number(words[1]))
      if (auto quota = parse_number(words[0]))
        return *quota == no_limit ? no_limit
                                  : to_milli_cpus(dir, *quota, *period);
  return make_error(EBADMSG, "read quota and period from", dir.path("cpu.max"));
}

result<void> check_weight(const cgroup_dir& dir, std::uint64_t value) {
  if (value >= 1 && value <= most_weight)
    return {};
  return make_error(ERANGE, "set CPU weight " + spell_value(value) + " of",
                    dir.path(), "a weight is from 1 to 10000");
}

result<void> explain_weight(result<void> done) {
  if (!done && done.error().code == EINVAL)
    done.error().hint = "there is no weight while cpu.idle is true";
  return done;
}

template <class T>
result<T> explain_idle(result<T> done) {
  if (!done && done.error().code == ENOENT)
    done.error().hint = "cpu.idle needs Linux 5.15";
  return done;
}

/// Rounded both ways; shares are the finer scale, so weight, shares, weight
/// gives the same weight again, and 1..10000 stays within 2..262144.
result<void> set_weight_v1(const cgroup_dir& dir, std::uint64_t value) {
  return check_weight(dir, value).and_then([&] {
    return explain_weight(write_text(
        dir, "cpu.shares", std::to_string((value * 1024 + 50) / 100)));
  });
}

result<std::uint64_t> get_weight_v1(const cgroup_dir& dir) {
  return read_number(dir, "cpu.shares").map([](std::uint64_t shares) {
    shares = std::min<std::uint64_t>(shares, 262'144);
    return std::clamp<std::uint64_t>((shares * 100 + 512) / 1024, 1,
                                     most_weight);
  });
}

result<void> set_weight_v2(const cgroup_dir& dir, std::uint64_t value) {
  return check_weight(dir, value).and_then([&] {
    return explain_weight(write_text(dir, "cpu.weight", std::to_string(value)));
  });
}

// That of an idle group is 0.
result<std::uint64_t> get_weight_v2(const cgroup_dir& dir) {
  return read_number(dir, "cpu.weight").map([](std::uint64_t weight) {
    return std::max<std::uint64_t>(weight, 1);
  });
}

result<void> set_idle(const cgroup_dir& dir, std::uint64_t value) {
  return explain_idle(write_text(dir, "cpu.idle", std::to_string(value)));
}

result<std::uint64_t> get_idle(const cgroup_dir& dir) {
  return explain_idle(read_number(dir, "cpu.idle"));
}

void explain_rt(sys_error& refused) {
  if (refused.code == EINVAL)
    refused.hint = "all containers together, and each group above, have at "
                   "most what the group above that one has";
  if (refused.code == EBUSY)
    refused.hint = "real-time tasks run in it";
  if (refused.code == ENOENT)
    refused.hint = "the kernel is built without CONFIG_RT_GROUP_SCHED";
}

template <class T>
result<T> explain_burst(result<T> done) {
  if (!done && done.error().code == EINVAL)
    done.error().hint = "a burst is at most what the limit gives in 100 ms";
  if (!done && done.error().code == ENOENT)
    done.error().hint = "cpu.burst needs Linux 5.14";
  return done;
}

result<void> set_burst_v1(const cgroup_dir& dir, std::uint64_t value) {
  return explain_burst(
      write_text(dir, "cpu.cfs_burst_us", std::to_string(value)));
}

result<std::uint64_t> get_burst_v1(const cgroup_dir& dir) {
  return explain_burst(read_number(dir, "cpu.cfs_burst_us"));
}

result<void> set_burst_v2(const cgroup_dir& dir, std::uint64_t value) {
  return explain_burst(write_text(dir, "cpu.max.burst", std::to_string(value)));
}

result<std::uint64_t> get_burst_v2(const cgroup_dir& dir) {
  return explain_burst(read_number(dir, "cpu.max.burst"));
}

result<std::uint64_t> get_rt(const cgroup_dir& dir) {
  auto runtime = read_number(dir, "cpu.rt_runtime_us");
  if (!runtime)
    explain_rt(runtime.error());
  return runtime;
}

tl::unexpected<sys_error> no_rt(const cgroup_dir& dir) {
  return make_error(ENOTSUP, "limit real-time tasks of", dir.path(),
                    "cgroup2 has no such limit; the host's is "
                    "kernel.sched_rt_runtime_us");
}

result<void> set_rt_v2(const cgroup_dir& dir, std::uint64_t) {
  return no_rt(dir);
}

result<std::uint64_t> get_rt_v2(const cgroup_dir& dir) {
  return no_rt(dir);
}

} // namespace

const limit_ops cpu_rt_v1{
    controller::cpu,     nullptr,   get_rt, limit_kind::amount,
    "cpu.rt_runtime_us", explain_rt};
const limit_ops cpu_rt_v2{controller::cpu, set_rt_v2, get_rt_v2};
const limit_ops cpu_max_v1{controller::cpu, set_max_v1, get_max_v1};
const limit_ops cpu_max_v2{controller::cpu, set_max_v2, get_max_v2};
const limit_ops cpu_weight_v1{controller::cpu, set_weight_v1, get_weight_v1,
                              limit_kind::share};
const limit_ops cpu_weight_v2{controller::cpu, set_weight_v2, get_weight_v2,
                              limit_kind::share};
const limit_ops cpu_burst_v1{controller::cpu, set_burst_v1, get_burst_v1};
const limit_ops cpu_burst_v2{controller::cpu, set_burst_v2, get_burst_v2};
const limit_ops cpu_idle{controller::cpu, set_idle, get_idle,
                         limit_kind::share};

} // namespace reeve::kernel
