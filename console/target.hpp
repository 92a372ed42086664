// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/failure.hpp"

#include <CLI/App.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace reeve::console {

/// `NAME PROC` or `NAME [PROC]`: what a command acts on.
struct target {
  std::string container;
  std::string process; ///< empty: the container itself

  enum class process_is : bool { optional, required };
  void declare(CLI::App& app, process_is process_word);

  /// Refuses names that cannot be.
  [[nodiscard]] result<void> check() const;

  /// "container 'web'" or "process 'sh' of container 'web'".
  [[nodiscard]] std::string text() const;
};

/// `--timeout 10s`, the time between a stop signal and SIGKILL.
struct grace_option {
  std::optional<std::string> text;

  void declare(CLI::App& app);

  /// Milliseconds; -1 for each process's own.
  [[nodiscard]] result<std::int64_t> value() const;
};

} // namespace reeve::console
