// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_freezer.hpp"

#include <cerrno>

namespace reeve::kernel {

namespace {

result<void> request(const container_cgroup& group, const char* v1,
                     const char* v2) {
  auto dir = group.limits_dir(controller::freezer);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() == cgroup_mode::v2)
    return write_text(*dir, "cgroup.freeze", v2);
  return write_text(*dir, "freezer.state", v1);
}

result<void> request_of_run(const container_cgroup& group, const char* wish) {
  return group.run_dir().and_then([wish](const cgroup_dir& dir) {
    return write_text(dir, "cgroup.freeze", wish);
  });
}

/// Not what is so because of a group above.
result<freeze_state> state_on_v1(const cgroup_dir& dir) {
  if (auto own = read_number(dir, "freezer.self_freezing"); own && *own == 0)
    return freeze_state::thawed;
  auto text = read_text(dir, "freezer.state");
  if (!text)
    return tl::make_unexpected(std::move(text.error()));
  if (text->starts_with("THAWED"))
    return freeze_state::thawed;
  if (text->starts_with("FREEZING"))
    return freeze_state::freezing;
  if (text->starts_with("FROZEN"))
    return freeze_state::frozen;
  return make_error(EBADMSG, "read a state from", dir.path("freezer.state"),
                    "found \"" + text->substr(0, 40) + "\"");
}

/// cgroup.freeze is the wish, `frozen` in cgroup.events the fact.
result<freeze_state> state_on_v2(const cgroup_dir& dir) {
  auto wish = read_number(dir, "cgroup.freeze");
  if (!wish)
    return tl::make_unexpected(std::move(wish.error()));
  if (*wish == 0)
    return freeze_state::thawed;
  auto events = read_text(dir, "cgroup.events");
  if (!events)
    return tl::make_unexpected(std::move(events.error()));
  return find_field(*events, "frozen") == 1 ? freeze_state::frozen
                                            : freeze_state::freezing;
}

} // namespace

result<void> request_freeze(const container_cgroup& group) {
  return request(group, "FROZEN", "1");
}

result<void> request_thaw(const container_cgroup& group) {
  return request(group, "THAWED", "0");
}

result<void> stop_user_processes(const container_cgroup& group) {
  return request_of_run(group, "1");
}

result<void> continue_user_processes(const container_cgroup& group) {
  return request_of_run(group, "0");
}

result<freeze_state> get_freeze_state(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::freezer);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  return group.mode() == cgroup_mode::v2 ? state_on_v2(*dir)
                                         : state_on_v1(*dir);
}

result<bool> is_frozen_from_above(const container_cgroup& group) {
  auto dir = group.limits_dir(controller::freezer);
  if (!dir)
    return tl::make_unexpected(std::move(dir.error()));
  if (group.mode() != cgroup_mode::v2)
    return read_number(*dir, "freezer.parent_freezing")
        .map([](std::uint64_t value) { return value != 0; });
  auto wish = read_number(*dir, "cgroup.freeze");
  auto events = read_text(*dir, "cgroup.events");
  if (!wish || !events)
    return tl::make_unexpected(std::move(wish ? events.error() : wish.error()));
  return *wish == 0 && find_field(*events, "frozen") == 1;
}

// Repeated even where it is so: on v1 who forks can keep it from being frozen.
result<void> shared_freezer::freeze(reason why) {
  std::lock_guard guard{mutex_};
  reasons_ |= static_cast<unsigned>(why);
  return request_freeze(group_);
}

result<void> shared_freezer::thaw(reason why) {
  std::lock_guard guard{mutex_};
  reasons_ &= ~static_cast<unsigned>(why);
  return reasons_ == 0 ? request_thaw(group_) : result<void>{};
}

} // namespace reeve::kernel
