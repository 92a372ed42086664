// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_tree.hpp"

#include <algorithm>
#include <cerrno>

namespace reeve::kernel {

const cgroup_tree::hierarchy*
cgroup_tree::find(controller which) const noexcept {
  auto at = std::find_if(v1.begin(), v1.end(), [which](const auto& h) {
    return h.controllers.contains(which);
  });
  return at == v1.end() ? nullptr : &*at;
}

namespace {

constexpr std::string_view v2_required[] = {"cpu", "memory", "pids"};
constexpr std::string_view v2_optional[] = {"cpuset", "io"};

bool contains(const std::vector<std::string_view>& words,
              std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

result<void> enable(const cgroup_dir& dir, const std::string& command) {
  auto done = write_text(dir, "cgroup.subtree_control", command);
  if (!done && done.error().code == EBUSY)
    done.error().hint = "processes live in this group itself: move them into "
                        "a group below it (no inner processes on cgroup2)";
  return done;
}

} // namespace

result<void> enable_controllers(const cgroup_dir& dir) {
  auto available_text = read_text(dir, "cgroup.controllers");
  if (!available_text)
    return tl::make_unexpected(std::move(available_text.error()));
  auto enabled_text = read_text(dir, "cgroup.subtree_control");
  if (!enabled_text)
    return tl::make_unexpected(std::move(enabled_text.error()));
  auto available = split_words(*available_text);
  auto enabled = split_words(*enabled_text);
  auto command = [&](const auto& names) {
    std::string out;
    for (auto name : names)
      if (contains(available, name) && !contains(enabled, name))
        out += (out.empty() ? "+" : " +") + std::string{name};
    return out;
  };
  auto required = command(v2_required);
  auto bonus = command(v2_optional);
  // One write costs one migration of the css sets, so ask for all at once;
  // the kernel takes all of them or none.
  auto everything = required;
  if (!required.empty() && !bonus.empty())
    everything += ' ';
  everything += bonus;
  if (everything.empty())
    return {};
  auto done = enable(dir, everything);
  if (done || bonus.empty())
    return done;
  if (required.empty())
    return {}; // the bonus alone was refused: its limits will say so
  return enable(dir, required);
}

} // namespace reeve::kernel
