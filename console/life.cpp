// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/units.hpp"
#include "console/pause.hpp"
#include "console/spec_options.hpp"
#include "console/target.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

using supervisor::container_is;
using supervisor::process_is;
using supervisor::process_started;

result<int> finish(context& ctx, result<container_is> answer) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  ctx.report(*answer, "");
  ctx.warn(answer->problems);
  return status_ok;
}

result<int> finish(context& ctx, result<process_is> answer) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  ctx.report(answer->info, "");
  return status_ok;
}

result<int> finish(context& ctx, result<process_started> answer) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  ctx.report(*answer, "");
  return status_ok;
}

result<int> stop(context& ctx, const target& which, std::int64_t grace) {
  auto what = "cannot stop " + which.text();
  if (which.process.empty())
    return finish(ctx, ctx.ask<container_is>(
                           supervisor::stop_container{which.container, grace},
                           what, stop_limit));
  return finish(
      ctx, ctx.ask<process_is>(
               supervisor::stop_process{which.container, which.process, grace},
               what, stop_limit));
}

result<int> start(context& ctx, const target& which) {
  auto what = "cannot start " + which.text();
  if (which.process.empty())
    return finish(ctx, ctx.ask<container_is>(
                           supervisor::start_container{which.container}, what));
  return finish(
      ctx,
      ctx.ask<process_started>(
          supervisor::start_process{which.container, which.process}, what));
}

result<int> restart(context& ctx, const target& which, std::int64_t grace) {
  // One command, one record: only the start's answer is reported.
  auto loud = ctx.options;
  ctx.options.json = false;
  auto stopped = stop(ctx, which, grace);
  ctx.options = loud;
  return stopped ? start(ctx, which) : stopped;
}

result<int> remove(context& ctx, const target& which, bool force) {
  auto what = "cannot remove " + which.text();
  if (which.process.empty())
    return finish(ctx,
                  ctx.ask<container_is>(
                      supervisor::destroy_container{which.container, force},
                      what, force ? stop_limit : request_limit));
  if (force) {
    auto stopped = ctx.ask<process_is>(
        supervisor::stop_process{which.container, which.process}, what,
        stop_limit);
    if (!stopped)
      return tl::make_unexpected(std::move(stopped.error()));
  }
  return finish(
      ctx,
      ctx.ask<process_is>(
          supervisor::remove_process{which.container, which.process}, what));
}

struct stop_options {
  target which;
  grace_option grace;
};

using stopping = result<int> (*)(context&, const target&, std::int64_t);

verb::check declare_stopping(CLI::App& app, stopping act) {
  auto given = std::make_shared<stop_options>();
  given->which.declare(app, target::process_is::optional);
  given->grace.declare(app);
  return [given, act](const program_arguments&) -> result<action> {
    if (auto done = given->which.check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    auto grace = given->grace.value();
    if (!grace)
      return tl::make_unexpected(std::move(grace.error()));
    return [given, act, grace = *grace](context& ctx) {
      return act(ctx, given->which, grace);
    };
  };
}

} // namespace

verb::check declare_stop(CLI::App& app) {
  return declare_stopping(app, stop);
}

verb::check declare_restart(CLI::App& app) {
  return declare_stopping(app, restart);
}

verb::check declare_start(CLI::App& app) {
  auto which = std::make_shared<target>();
  which->declare(app, target::process_is::optional);
  return [which](const program_arguments&) -> result<action> {
    if (auto done = which->check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [which](context& ctx) { return start(ctx, *which); };
  };
}

verb::check declare_rm(CLI::App& app) {
  struct options {
    target which;
    bool force = false;
  };
  auto given = std::make_shared<options>();
  given->which.declare(app, target::process_is::optional);
  app.add_flag("-f,--force", given->force, "stop it first");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = given->which.check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [given](context& ctx) {
      return remove(ctx, given->which, given->force);
    };
  };
}

verb::check declare_pause(CLI::App& app) {
  auto given = std::make_shared<pause_options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  app.add_option("--for", given->time, "only so long; it goes on if we end")
      ->type_name("TIME");
  return [given](program_arguments program) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    given->command = std::move(program);
    if (!given->time.empty() && !given->command.empty())
      return refuse("--for", "a command takes as long as it takes",
                    "leave one of them out");
    if (!given->time.empty()) {
      auto lasts = config::parse_duration(given->time);
      if (!lasts)
        return refuse("--for", to_string(lasts.error()));
      given->lasts = *lasts;
    }
    if (given->lasts || !given->command.empty())
      return [given](context& ctx) { return pause_and_stay(ctx, *given); };
    return [given](context& ctx) {
      return finish(ctx, ctx.ask<container_is>(
                             supervisor::pause_container{given->name},
                             "cannot pause container '" + given->name + "'"));
    };
  };
}

verb::check declare_resume(CLI::App& app) {
  auto name = std::make_shared<target>();
  app.add_option("NAME", name->container, "name of the container")->required();
  return [name](const program_arguments&) -> result<action> {
    if (auto done = name->check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [name](context& ctx) {
      return finish(ctx, ctx.ask<container_is>(
                             supervisor::resume_container{name->container},
                             "cannot resume " + name->text()));
    };
  };
}

} // namespace reeve::console
