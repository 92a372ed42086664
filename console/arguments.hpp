// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/context.hpp"
#include "console/failure.hpp"

#include <CLI/App.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::console {

/// Does what the command line says, and tells the exit status.
using action = std::function<result<int>(context&)>;

/// What stands behind `--`; the verb's table entry says whether it may.
using program_arguments = std::vector<std::string>;

/// One command of the console.
struct verb {
  std::string_view name; ///< one word or two: "ls", "image ls"
  std::string_view usage;
  std::string_view summary;
  enum class program : bool { no, yes };
  program takes_program = program::no;
  /// Adds its options to `app`, before parsing. What it returns is called
  /// after parsing: it checks the options and makes the action.
  using check = std::function<result<action>(program_arguments)>;
  check (*declare)(CLI::App& app) = nullptr;
  /// Whether `--json` has a meaning: not where a program's own output, or a
  /// script, is all that is printed.
  enum class record : unsigned char { always, with_detach, never };
  record has_record = record::always;
};

[[nodiscard]] std::span<const verb> verbs();

struct command_line {
  settings options;
  action act;
};

/// The command line without the program's name, and the value of `REEVE_ROOT`.
/// Sends nothing. Only the one verb's options are built, since start-up time
/// counts.
[[nodiscard]] result<command_line> parse(std::vector<std::string> args,
                                         std::optional<std::string> root);

/// An option that takes one value each time it is given, and leaves what
/// follows alone.
void add_repeatable(CLI::App& app, const std::string& name,
                    std::vector<std::string>& to, const std::string& help,
                    const std::string& type);

} // namespace reeve::console
