// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/result.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace reeve::supervisor {

/// The place where an upgrade of reeved waits to be carried out: asked for by
/// an actor, done by the main thread, which hears of it by `upgrade_signal`.
/// Any thread.
class upgrade_desk {
public:
  /// `arguments` are those of this program, its name left out.
  explicit upgrade_desk(std::vector<std::string> arguments)
      : arguments_(std::move(arguments)) {}

  /// Whether `program`, or this program's own file if it is empty, would start
  /// with our arguments: runs it with `--check`, for ten seconds at most.
  /// Blocks. Returns its path. The error holds what it said.
  [[nodiscard]] kernel::result<std::string>
  check(const std::string& program) const;

  /// From the check on until it is taken: the main thread is woken.
  void ask_for(std::string program);

  [[nodiscard]] std::optional<std::string> take();

  /// Becomes the program, which finds the socket by `inherited_socket`. Returns
  /// only if that fails.
  [[nodiscard]] kernel::sys_error become(const std::string& program,
                                         kernel::unique_fd& socket) const;

private:
  std::vector<std::string> arguments_;
  std::mutex mutex_;
  std::optional<std::string> program_;
};

/// To itself, for the main thread.
inline constexpr int upgrade_signal = 12; // SIGUSR2

/// The socket that the program before this one listened on; empty if there was
/// none.
[[nodiscard]] kernel::unique_fd inherited_socket();

} // namespace reeve::supervisor
