// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/helper_messages.hpp"
#include "config/container_spec.hpp"
#include "kernel-iface/result.hpp"
#include "supervisor/container.hpp"
#include "supervisor/holder_pool.hpp"
#include "supervisor/state_store.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// From a spec to what the pool, the mount broker and the kernel are asked for.
namespace reeve::supervisor {

/// Names of the containers whose namespaces the spec joins.
[[nodiscard]] std::vector<std::string>
joined_containers(const config::container_spec& spec);

/// `holders` has the PID 1 for each name in `joined_containers`. ESRCH if one
/// of them has ended since.
[[nodiscard]] kernel::result<kit_request>
make_kit_request(const config::container_spec& spec,
                 const std::map<std::string, holder_resolved>& holders);

[[nodiscard]] kernel::result<kernel::capability_set>
capabilities_of(const config::container_spec& spec);

/// The host's id of who is root where this process lives, as its uid_map says;
/// 0 in the host's user namespace. Joined users are not those of the
/// container's own range.
[[nodiscard]] kernel::result<std::uint32_t> first_id_of(std::int32_t pid);

/// Whether what is written has to outlive a crash of the host.
[[nodiscard]] kernel::durability writes_of(const config::container_spec& spec);

/// A pidfd of the kit's PID 1, if it is still the same process: one that is
/// kept would cost the daemon a descriptor for each container.
[[nodiscard]] actors::shared_fd open_holder(const kit& of);

/// The socket at which processes of the container ask for their limits, which
/// its PID 1 keeps (pidfd_getfd(2), Linux 5.6): for a daemon that adopts it.
[[nodiscard]] kernel::result<kernel::unique_fd>
limits_socket_of(const kit& which);

[[nodiscard]] actors::attach_root
make_attach_order(const config::container_spec& spec, const kit& with,
                  const state_store& store);

/// Connects to the listener of a PID 1 that an earlier daemon has left, if it
/// is still the process of the record: an empty descriptor if it is not.
[[nodiscard]] kernel::result<kernel::unique_fd>
connect_to_holder(const container_record& record, const std::string& boot_id);

} // namespace reeve::supervisor
