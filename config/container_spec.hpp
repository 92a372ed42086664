// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/error.hpp"
#include "config/limits.hpp"
#include "config/process_spec.hpp"
#include "config/supervision_policy.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

enum class namespace_mode : std::uint8_t {
  /// A new one for this container.
  isolated,
  /// The host's.
  host,
  /// That of another container.
  join,
};

/// Where one namespace comes from. As text: "private", "host" or
/// "container:NAME".
struct namespace_choice {
  namespace_mode mode = namespace_mode::isolated;
  /// The container to join; empty unless `mode` is `join`.
  std::string container;

  bool operator==(const namespace_choice&) const = default;
};

[[nodiscard]] result<namespace_choice> parse_namespace(std::string_view text);

[[nodiscard]] std::string to_text(const namespace_choice& choice);

/// One choice for each kind of namespace. `mount` is always private.
struct namespace_choices {
  namespace_choice pid;
  namespace_choice net;
  namespace_choice uts;
  namespace_choice ipc;
  namespace_choice mount;
  namespace_choice user;
  namespace_choice cgroup;
  namespace_choice time;

  bool operator==(const namespace_choices&) const = default;
};

enum class seccomp_profile : std::uint8_t { standard, unconfined };

/// What happens when PID 1 of the container dies, and with it every process.
enum class holder_death : std::uint8_t { stop, rebuild };

/// Whether the container stops when its significant processes have ended.
enum class auto_stop : std::uint8_t { never, any_significant, all_significant };

enum class owner_loss : std::uint8_t { keep, stop };

/// What the container does when the daemon or console that owns it goes away.
struct owner_loss_policy {
  owner_loss action = owner_loss::keep;
  /// With `stop`: time for a new owner to come.
  std::chrono::milliseconds grace{10'000};

  bool operator==(const owner_loss_policy&) const = default;
};

[[nodiscard]] const std::vector<std::string>& default_capabilities();
[[nodiscard]] const std::vector<std::string>& default_masked_paths();
[[nodiscard]] const std::vector<std::string>& default_readonly_paths();

/// A container as asked for. Exactly one of `image` and `rootfs` is needed;
/// everything else but the name has a default.
struct container_spec {
  /// Parts joined by '/', the last one the container's own: "web/cache".
  std::string name;
  std::optional<std::string> image;
  /// Absolute path of a directory on the host.
  std::optional<std::string> rootfs;
  bool readonly_root = false;
  /// Absent: the last part of the name, see `hostname_of`.
  std::optional<std::string> hostname;
  /// Free text for the user's tools; Reeve does not read it.
  std::map<std::string, std::string> properties;

  config::limits limits = container_limits;
  namespace_choices namespaces;

  /// Gives up the user namespace and all restrictions below.
  bool privileged = false;
  /// Names with or without "CAP_". The bounding set is `capabilities`, plus
  /// `cap_add`, minus `cap_drop`; both of these also take "ALL".
  std::vector<std::string> capabilities = default_capabilities();
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  seccomp_profile seccomp = seccomp_profile::standard;
  std::vector<std::string> masked_paths = default_masked_paths();
  std::vector<std::string> readonly_paths = default_readonly_paths();

  holder_death on_holder_death = holder_death::stop;
  config::auto_stop auto_stop = config::auto_stop::never;
  supervision_policy supervision;
  owner_loss_policy on_owner_loss;
  /// Removes the container once it has stopped (`--rm`).
  bool remove_on_exit = false;
  /// It is destroyed when no client holds it any more.
  bool weak = false;
  /// Starts the container with the daemon.
  bool boot = false;

  std::vector<process_spec> processes;

  bool operator==(const container_spec&) const = default;
};

/// The hostname in force: the one asked for or the last part of the name.
[[nodiscard]] std::string hostname_of(const container_spec& spec);

/// The name of the container that one of this name is in: "web" for "web/a".
/// Empty for one that is in none.
[[nodiscard]] std::string_view parent_of(std::string_view name);

} // namespace reeve::config
