// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// What processes of a container really may have: for who asks us, and for them
// themselves.

#include "kernel-iface/effective_limits.hpp"
#include "kernel-iface/process_stats.hpp"
#include "kernel-iface/untrusted_socket.hpp"
#include "supervisor/container_actor_state.hpp"
#include "supervisor/container_kit.hpp"
#include "supervisor/limits_server.hpp"

#include <spdlog/logger.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace reeve::supervisor {

using actors::errc;
using actors::make_error;

namespace {

constexpr auto longest_wait = std::chrono::milliseconds{60'000};

} // namespace

caf::result<effective_limits>
container_actor_state::get(const get_effective_limits& msg) {
  auto found = limits_for(msg);
  if (!found)
    return std::move(found.error());
  if (msg.wait_ms <= 0 || *found != msg.seen)
    return effective_limits{record_.spec.name, msg.process, std::move(*found)};
  auto promise = actors::owe<effective_limits>(self_);
  auto wait = std::min(std::chrono::milliseconds{msg.wait_ms}, longest_wait);
  limits_watched_.push_back({msg, promise, clock::now() + wait});
  look_at_limits_later();
  return promise;
}

void container_actor_state::on(limits_due) {
  looks_at_limits_ = false;
  look_at_limits();
  look_at_limits_later();
}

void container_actor_state::look_at_limits_later() {
  if (!limits_watched_.empty() && !std::exchange(looks_at_limits_, true))
    self_->delayed_send(self_, limits_look_pause, limits_due{});
}

void container_actor_state::tell_limits_again() {
  if (limits_server_)
    self_->send(limits_server_, tell_limits{});
  look_at_limits();
}

void container_actor_state::look_at_limits() {
  auto now = clock::now();
  // However many wait, each process is looked at once.
  std::map<std::string, caf::expected<std::vector<kernel::effective_limit>>>
      looked_at;
  std::erase_if(limits_watched_, [&](watched_limits& item) {
    auto at = looked_at.find(item.asked.process);
    if (at == looked_at.end())
      at = looked_at.emplace(item.asked.process, limits_for(item.asked)).first;
    auto found = at->second;
    if (found && *found == item.asked.seen && now < item.until)
      return false;
    if (found)
      item.promise.deliver(effective_limits{
          record_.spec.name, item.asked.process, std::move(*found)});
    else
      item.promise.deliver(std::move(found.error()));
    return true;
  });
}

caf::expected<std::vector<kernel::effective_limit>>
container_actor_state::limits_for(const get_effective_limits& msg) const {
  if (!controller_)
    return without_cgroup();
  return msg.process.empty() ? limits_of_next() : limits_of(msg.process);
}

caf::expected<std::vector<kernel::effective_limit>>
container_actor_state::limits_of(const std::string& process) const {
  auto found = processes_.find(process);
  if (found == processes_.end())
    return unknown(process);
  auto pid = found->second.info.pid;
  if (pid == 0)
    return make_error(errc::wrong_state,
                      "process '" + process + "' of container '"
                          + record_.spec.name + "' does not run");
  auto limits = kernel::effective_limits_of(with_->mounts, pid);
  // A pid that is another's by now has another parent than PID 1.
  auto now = kernel::read_process_stats(pid);
  if (!limits)
    return make_error(limits.error());
  if (!now || !kit_ || now->parent != kit_->holder_pid)
    return make_error(errc::wrong_state,
                      "process '" + process + "' of container '"
                          + record_.spec.name + "' has just ended");
  return std::move(*limits);
}

caf::expected<std::vector<kernel::effective_limit>>
container_actor_state::limits_of_next() const {
  auto limits = kernel::effective_limits_of(with_->mounts, *kit_->cgroup,
                                            rlimits_in_force());
  if (!limits)
    return make_error(limits.error());
  // Of a PID 1 of an older daemon nobody knows what it gives.
  if (record_.rlimits.empty())
    for (auto& item : *limits)
      if (item.resource.starts_with("rlimit."))
        item.is_exact = false;
  return std::move(*limits);
}

// It ends with PID 1, whose socket it is.
void container_actor_state::serve_limits() {
  if (!kit_->limits_socket) {
    auto socket = limits_socket_of(*kit_);
    if (!socket) {
      auto is_old = socket.error().code == EBADF; // PID 1, and has none
      return with_->log->log(is_old ? spdlog::level::debug
                                    : spdlog::level::warn,
                             "container '{}' is not told its limits: {}",
                             record_.spec.name, to_string(socket.error()));
    }
    kit_->limits_socket = kernel::share_listener(std::move(*socket));
  }
  leave_limits();
  limits_server_ = spawn_limits_server(
      self_->system(), {how_.with, record_.spec.name, kit_->limits_socket,
                        kit_->cgroup, with_->mounts, with_->control.get(),
                        services::half_of_descriptors(), with_->log});
  self_->monitor(limits_server_);
}

void container_actor_state::leave_limits() {
  if (limits_server_)
    self_->send_exit(limits_server_, caf::exit_reason::user_shutdown);
  limits_server_ = nullptr;
}

} // namespace reeve::supervisor
