// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/context.hpp"
#include "console/json.hpp"
#include "console/verbs.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

namespace reeve::console {

namespace {

using supervisor::daemon_info;

constexpr auto what = "cannot upgrade the daemon";
constexpr auto patience = std::chrono::seconds{60};

// It answers as long as it is there, and its successor as soon as that is.
result<daemon_info> await_successor(context& ctx, const daemon_info& before) {
  auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto now = ctx.ask<daemon_info>(supervisor::get_daemon{}, what);
    if (!now || now->started_ms != before.started_ms)
      return now;
    if (std::chrono::steady_clock::now() >= until)
      return refuse(what, "it goes on as it was", "see its log");
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

result<int> upgrade(context& ctx, const std::string& program) {
  auto before = ctx.ask<daemon_info>(supervisor::get_daemon{}, what);
  if (!before)
    return tl::make_unexpected(std::move(before.error()));
  auto begun = ctx.ask<supervisor::daemon_upgrading>(
      supervisor::upgrade_daemon{program}, what);
  if (!begun)
    return tl::make_unexpected(std::move(begun.error()));
  auto after = await_successor(ctx, *before);
  if (!after)
    return tl::make_unexpected(std::move(after.error()));
  ctx.report(
      *after,
      "upgraded from " + printable(before->version) + " to "
          + printable(after->version) + ": pid " + std::to_string(after->pid)
          + ", " + std::to_string(after->containers)
          + (after->containers == 1 ? " container" : " containers") + '\n');
  return status_ok;
}

} // namespace

verb::check declare_daemon_upgrade(CLI::App& app) {
  auto program = std::make_shared<std::string>();
  app.add_option("--program", *program,
                 "the new reeved; without it what is installed in the place of "
                 "the old one")
      ->type_name("FILE");
  return [program](const program_arguments&) -> result<action> {
    return [program](context& ctx) {
      auto path = program->empty()
                      ? *program
                      : std::filesystem::absolute(*program).string();
      return upgrade(ctx, path);
    };
  };
}

} // namespace reeve::console
