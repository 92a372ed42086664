// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/root_attach.hpp"
#include "kernel-iface/root_stage.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// What the daemon and the mount broker say to each other, in the encoding of
/// wire.hpp. Both orders carry the pidfd of the holder they are about, and that
/// to prepare the container's limits socket.
namespace reeve::kernel::broker {

enum class message : std::uint16_t {
  prepare = 1,
  attach,
  prepared = 64,
  attached,
  failed,
};

struct prepare_order {
  static constexpr auto type = message::prepare;
  stage_options stage;

  static void fields(auto& ar, auto& self) {
    auto& s = self.stage;
    ar(s.first_id, s.dev_bytes, s.shm_bytes, s.cgroups, s.v1_hierarchies,
       s.read_only_paths, s.masked_paths);
  }
};

struct bind_entry {
  std::string source;
  std::string target;
  mount_access access = mount_access::read_write;

  static void fields(auto& ar, auto& self) {
    ar(self.source, self.target, self.access);
  }
};

/// `pid` is the holder's, for its user namespace in /proc; the pidfd proves
/// that it is still the same process.
struct attach_order {
  static constexpr auto type = message::attach;
  std::int32_t pid = 0;
  bool has_user_namespace = true;
  std::vector<std::string> layers;
  std::string upper_parent;
  std::uint32_t first_id = 0;
  durability writes = durability::durable;
  mount_access access = mount_access::read_write;
  std::vector<bind_entry> binds;

  static void fields(auto& ar, auto& self) {
    ar(self.pid, self.has_user_namespace, self.layers, self.upper_parent,
       self.first_id, self.writes, self.access, self.binds);
  }
};

struct prepared_report {
  static constexpr auto type = message::prepared;
  std::vector<std::string> warnings;

  static void fields(auto& ar, auto& self) {
    ar(self.warnings);
  }
};

struct attached_report {
  static constexpr auto type = message::attached;

  static void fields(auto&, auto&) {}
};

struct failed_report {
  static constexpr auto type = message::failed;
  std::int32_t code = 0; ///< errno
  std::string operation;
  std::string subject;
  std::string hint;

  static void fields(auto& ar, auto& self) {
    ar(self.code, self.operation, self.subject, self.hint);
  }
};

} // namespace reeve::kernel::broker
