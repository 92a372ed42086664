// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/process_spec.hpp"
#include "console/failure.hpp"

#include <CLI/App.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Options of several commands that describe a container or a process.
namespace reeve::console {

/// `NAME`, or nothing for a container that is made for one command.
struct container_options {
  std::optional<std::string> image;
  std::optional<std::string> rootfs;
  std::optional<std::string> spec_file;
  std::optional<std::string> hostname;
  std::optional<std::string> memory;
  std::optional<std::string> cpus;
  std::optional<std::string> pids;
  std::vector<std::string> properties;
  bool privileged = false;
  bool weak = false;

  void declare(CLI::App& app);

  /// Reads the spec file, if there is one. The result has been validated.
  [[nodiscard]] result<config::container_spec>
  to_spec(const std::string& name) const;

  /// Something was given that only makes sense for a new container.
  [[nodiscard]] bool describes_container() const;
};

struct process_options {
  std::optional<std::string> id;
  std::optional<std::string> restart;
  std::vector<std::string> after;
  std::optional<unsigned> ready_fd;
  std::optional<std::uint16_t> ready_port;
  std::optional<std::string> ready_command;
  bool ready_exit = false;
  std::optional<std::string> ready_timeout;
  std::optional<std::string> user;
  std::optional<std::string> cwd;
  std::vector<std::string> env;
  bool detach = false;
  bool interactive = false;
  bool terminal = false;
  bool remove = false;

  void declare(CLI::App& app);

  /// Validated. Without `--process` the id is a generated one.
  [[nodiscard]] result<config::process_spec>
  to_spec(const std::vector<std::string>& argv) const;
};

/// `prefix` and four random hexadecimal digits.
[[nodiscard]] std::string generated_name(const std::string& prefix);

/// Number of a command, so that the daemon can tell a repeat.
[[nodiscard]] std::uint64_t generated_command();

/// Refuses names that no container, or no process, can have.
[[nodiscard]] result<void> check_container_name(const std::string& name);
[[nodiscard]] result<void> check_process_name(const std::string& name);

} // namespace reeve::console
