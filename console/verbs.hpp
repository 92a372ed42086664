// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "console/arguments.hpp"

// The commands, each in the source file of its name or of its group.
namespace reeve::console {

verb::check declare_create(CLI::App& app);
verb::check declare_run(CLI::App& app);
verb::check declare_exec(CLI::App& app);
verb::check declare_attach(CLI::App& app);

verb::check declare_ls(CLI::App& app);
verb::check declare_ps(CLI::App& app);
verb::check declare_tree(CLI::App& app);
verb::check declare_info(CLI::App& app);

verb::check declare_wait(CLI::App& app);
verb::check declare_signal(CLI::App& app);
verb::check declare_stop(CLI::App& app);
verb::check declare_start(CLI::App& app);
verb::check declare_restart(CLI::App& app);
verb::check declare_rm(CLI::App& app);
verb::check declare_pause(CLI::App& app);
verb::check declare_resume(CLI::App& app);

verb::check declare_set(CLI::App& app);
verb::check declare_get(CLI::App& app);
verb::check declare_reclaim(CLI::App& app);
verb::check declare_limits(CLI::App& app);
verb::check declare_oom(CLI::App& app);
verb::check declare_stats(CLI::App& app);
verb::check declare_top(CLI::App& app);

verb::check declare_logs(CLI::App& app);
verb::check declare_events(CLI::App& app);

verb::check declare_image_ls(CLI::App& app);
verb::check declare_daemon_info(CLI::App& app);
verb::check declare_daemon_upgrade(CLI::App& app);
verb::check declare_completion_bash(CLI::App& app);

} // namespace reeve::console
