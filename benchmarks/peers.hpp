// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "benchmarks/measurement.hpp"
#include "benchmarks/scratch_directory.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace reeve::bench {

/// What a peer is asked to do in a scenario.
enum class peer_command : std::uint8_t {
  exec,   ///< `exec` of true in a running container
  run,    ///< `run` of true: create, start, wait, delete
  remove, ///< `delete --force` of a running container
  update, ///< `update --memory` of a running container
};

/// One OCI runtime with bundles and a state directory of its own. It runs in a
/// private mount namespace, on hybrid hosts without the cgroup2 mount: crun
/// would otherwise expect its files in the v1 trees. Destruction deletes every
/// container that it made.
class peer {
public:
  /// `program` is a path; `name` what people call it.
  [[nodiscard]] static kernel::result<peer> prepare(std::string name,
                                                    std::string program);

  peer(peer&& other) noexcept;
  peer& operator=(peer&&) = delete;
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer();

  /// One iteration, timed from the start of the program to its end. What must
  /// be there before it is made untimed. An error holds what the peer said.
  [[nodiscard]] kernel::result<duration> measure(peer_command what);

  /// Such as `crun_exec`: the metric's name.
  [[nodiscard]] std::string label(peer_command what) const;

private:
  /// A container of this peer: its id is its bundle and its cgroup, too.
  struct container {
    std::string id;
    std::string bundle;
    bool exists = false;
  };

  peer(std::string name, std::string program, scratch_directory directory,
       kernel::unique_fd mounts);

  [[nodiscard]] kernel::result<container>
  make_bundle(const std::string& role, std::vector<std::string> command) const;

  [[nodiscard]] kernel::result<duration>
  call(std::vector<std::string> arguments) const;
  [[nodiscard]] kernel::result<void> start(container& box) const;
  [[nodiscard]] kernel::result<duration> remove(container& box) const;

  std::string name_;
  std::string program_;
  scratch_directory directory_;
  kernel::unique_fd mounts_;
  container long_lived_;
  container one_shot_;
  container victim_;
};

/// The peers that are installed, and why others are not among them.
struct peer_set {
  std::vector<peer> peers;
  std::vector<std::string> notes;

  /// Looks for crun and runc.
  [[nodiscard]] static peer_set find();
};

} // namespace reeve::bench
