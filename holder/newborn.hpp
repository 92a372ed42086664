// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/unique_fd.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <cstdint>
#include <vector>

namespace reeve::holder {

/// What a newborn holder inherits from the zygote's order.
struct birth {
  kernel::zygote::start_holder_order order;
  kernel::unique_fd control;
  kernel::unique_fd limits_socket;
  std::vector<kernel::unique_fd> join;
  std::vector<kernel::unique_fd> home;
  std::vector<kernel::unique_fd> joined; ///< in the order of `ns_kind`
  int proc = -1; ///< the host's, borrowed, to name files in errors
};

/// The short talk between the zygote and a newborn, over a socket pair.
struct birth_note {
  enum class kind : std::uint32_t {
    map_me, ///< newborn: my user namespace is there, write its maps
    mapped, ///< zygote: done
    ready,  ///< newborn: set-up is complete
    failed, ///< newborn: `step` was refused with `code`
  };
  kind what = kind::failed;
  std::int32_t code = 0;
  char step[200] = {}; ///< and what it was about
};

/// What a newborn opens for the rest of its life.
struct belongings {
  kernel::unique_fd listener; ///< for adoption by later daemons
  /// Its own /proc/self/oom_score_adj: after its user namespace is made, the
  /// file belongs to somebody else.
  kernel::unique_fd oom_score;
};

/// Runs in the new process until `ready` was sent: joins cgroups, mounts its
/// proc, opens its listener, makes its namespaces, becomes root in them and
/// leaves the limits. Ends the process with a `failed` note if a step fails.
[[nodiscard]] belongings come_to_life(birth& from, int zygote);

} // namespace reeve::holder
