// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What the daemon and the zygote say to each other, in the encoding of
/// wire.hpp. The zygote is a small single-threaded process in a minimal mount
/// namespace: cloning holders from it costs neither the daemon's page tables
/// nor a copy of the host's mount table.
namespace reeve::kernel::zygote {

enum class message : std::uint16_t {
  start_holder = 1,
  holder_started = 64,
  start_failed,
};

/// Indexes into the arrays below; the order of design and documents.
enum class ns_kind : std::uint8_t {
  pid,
  net,
  uts,
  ipc,
  mount,
  user,
  cgroup,
  time,
};
inline constexpr std::size_t ns_kinds = 8;

enum class ns_mode : std::uint8_t {
  fresh,  ///< a namespace of its own
  host,   ///< the zygote's, which are the host's
  joined, ///< given by a descriptor in the order
};

/// Descriptors: the holder's control socket; the container's limits socket, see
/// holder_protocol.hpp; `join_count` cgroup `tasks` files of the container;
/// `home_count` `tasks` (v1) or `cgroup.procs` (v2) files
/// that the holder moves to after its cgroup namespace was made; one cgroup
/// directory for CLONE_INTO_CGROUP if `has_cgroup_dir`; one namespace per
/// joined kind, in the order of `ns_kind`.
struct start_holder_order {
  static constexpr auto type = message::start_holder;
  std::vector<ns_mode> modes; ///< `ns_kinds` entries; mount is always fresh
  std::uint32_t id_base = 0;  ///< first host uid and gid of a fresh user ns
  std::uint32_t id_count = 0;
  std::uint8_t join_count = 0;
  std::uint8_t home_count = 0;
  bool has_cgroup_dir = false;

  static void fields(auto& ar, auto& self) {
    ar(self.modes, self.id_base, self.id_count, self.join_count,
       self.home_count, self.has_cgroup_dir);
  }
};

/// Carries the holder's pidfd.
struct holder_started_report {
  static constexpr auto type = message::holder_started;
  std::int32_t pid = 0; ///< in the zygote's pid namespace

  static void fields(auto& ar, auto& self) {
    ar(self.pid);
  }
};

struct start_failed_report {
  static constexpr auto type = message::start_failed;
  std::int32_t code = 0; ///< errno
  std::string step;

  static void fields(auto& ar, auto& self) {
    ar(self.code, self.step);
  }
};

} // namespace reeve::kernel::zygote
