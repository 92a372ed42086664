// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_sum.hpp"

#include "kernel-iface/cgroup_file.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace reeve::kernel {

namespace {

/// Of all children but one. A group that is just being removed has none.
result<std::uint64_t> sum_of_others(const cgroup_dir& parent,
                                    std::string_view one,
                                    std::string_view file) {
  auto names = subgroups(parent);
  if (!names)
    return tl::make_unexpected(std::move(names.error()));
  auto sum = std::uint64_t{0};
  for (const auto& name : *names) {
    if (name == one)
      continue;
    if (auto value = read_number(parent.child(name), file);
        value && *value <= no_limit - sum)
      sum += *value;
  }
  return sum;
}

struct step {
  cgroup_dir dir;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

/// A parent has more first, and less last.
result<void> write_all(std::vector<step> steps, std::string_view file) {
  if (steps.back().after < steps.back().before)
    std::ranges::reverse(steps);
  for (auto i = std::size_t{0}; i < steps.size(); ++i) {
    auto done = write_text(steps[i].dir, file, std::to_string(steps[i].after));
    if (done)
      continue;
    while (i-- > 0)
      if (auto back =
              write_text(steps[i].dir, file, std::to_string(steps[i].before));
          !back)
        done.error().hint += "; then, setting back: " + to_string(back.error());
    return done;
  }
  return {};
}

} // namespace

result<void> set_summed(const container_cgroup& group, controller which,
                        std::string_view file, std::uint64_t value) {
  static std::mutex one_at_a_time;
  std::lock_guard guard{one_at_a_time};
  auto own = group.limits_dir(which);
  if (!own)
    return tl::make_unexpected(std::move(own.error()));
  auto shares = group.shares_dir(which);
  auto top = group.instance_dir(which);
  if (!shares || !top)
    return tl::make_unexpected(
        std::move(shares ? top.error() : shares.error()));
  std::vector<step> steps;
  if (!group.is_nested()) { // else it is for the one that it is in
    auto others = sum_of_others(*top, group.id(), file);
    if (!others)
      return tl::make_unexpected(std::move(others.error()));
    if (value > no_limit - *others)
      return make_error(EINVAL, "add up " + std::string{file} + " of",
                        top->path());
    steps.push_back({*top, 0, value + *others});
  }
  steps.push_back({*shares, 0, value});
  // v2 has two more for each container, and processes are in the last.
  if (auto run = group.run_dir()) {
    if (!group.is_nested())
      steps.push_back({*own, 0, value});
    steps.push_back({*run, 0, value});
  }
  for (auto& item : steps) {
    auto now = read_number(item.dir, file);
    if (!now)
      return tl::make_unexpected(std::move(now.error()));
    item.before = *now;
  }
  return write_all(std::move(steps), file);
}

} // namespace reeve::kernel
