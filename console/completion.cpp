// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/completion_text.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

verb::check declare_completion_bash(CLI::App&) {
  return [](const program_arguments&) -> result<action> {
    return [](context& ctx) -> result<int> {
      ctx.out << bash_completion;
      return status_ok;
    };
  };
}

} // namespace reeve::console
