// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/packet_channel.hpp"
#include "kernel-iface/container_cgroup.hpp"
#include "kernel-iface/root_attach.hpp"
#include "kernel-iface/root_stage.hpp"
#include "kernel-iface/unique_fd.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Messages to the actors in front of the helper processes. In process only:
/// descriptors travel as shared, owned handles.
namespace reeve::actors {

using shared_fd = std::shared_ptr<kernel::unique_fd>;

/// What to do about EAGAIN of fork(2) or clone(2).
inline constexpr auto no_pid_hint =
    "no process number is free: raise pids.max of Reeve's cgroup or of one "
    "above it, or kernel.pid_max, or end processes";

/// Asks the zygote for a holder. `cgroup` is where it is born.
struct start_holder {
  std::array<kernel::zygote::ns_mode, kernel::zygote::ns_kinds> modes{};
  std::vector<shared_fd> joined;
  std::uint32_t id_base = 0;
  std::uint32_t id_count = 0;
  std::shared_ptr<const kernel::container_cgroup> cgroup;
};

/// A container's PID 1 that waits for its root and its orders. Its limits
/// socket has no name yet.
struct holder_started {
  std::int32_t pid = 0;
  shared_fd pidfd;
  shared_fd control;
  shared_fd limits_socket;
};

/// Asks the mount broker to stage what does not depend on the image.
struct prepare_root {
  std::int32_t pid = 0;
  shared_fd pidfd;
  shared_fd limits_socket;
  kernel::stage_options options;
};

struct root_prepared {
  std::vector<std::string> warnings;
};

/// Asks the mount broker to make the root and switch the holder to it.
struct attach_root {
  std::int32_t pid = 0;
  shared_fd pidfd;
  bool has_user_namespace = true;
  kernel::root_options root;
};

struct root_attached {};

} // namespace reeve::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::start_holder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::holder_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::prepare_root)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::root_prepared)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::attach_root)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::actors::root_attached)
