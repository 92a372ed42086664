// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/names.hpp"
#include "config/text.hpp"
#include "console/target.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

using supervisor::process_is;

result<int> send(context& ctx, const target& which, int signo) {
  auto answer = ctx.ask<process_is>(
      supervisor::signal_process{which.container, which.process, signo},
      "cannot signal " + which.text());
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  ctx.report(answer->info, "");
  return status_ok;
}

result<int> wait(context& ctx, const target& which) {
  for (;;) {
    auto answer = ctx.ask<process_is>(
        supervisor::wait_process{which.container, which.process,
                                 poll_wait.count()},
        "cannot wait for " + which.text(), poll_limit);
    if (!answer)
      return tl::make_unexpected(std::move(answer.error()));
    const auto& info = answer->info;
    if (info.phase == supervisor::process_phase::held)
      return refuse("cannot wait for " + which.text(),
                    "the kernel does not let go of it",
                    "see the log of the daemon");
    if (is_live(info.phase))
      continue;
    if (ctx.options.json)
      ctx.out << line_of(json_of(info));
    else
      ctx.out << shell_status(info.last) << '\n';
    return status_ok;
  }
}

} // namespace

verb::check declare_signal(CLI::App& app) {
  struct options {
    target which;
    std::string signal;
  };
  auto given = std::make_shared<options>();
  given->which.declare(app, target::process_is::required);
  app.add_option("SIGNAL", given->signal, "name or number")->required();
  return [given](const program_arguments&) -> result<action> {
    if (auto done = given->which.check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    auto signo = config::signal_number(given->signal);
    if (!signo)
      return refuse("SIGNAL",
                    config::in_quotes(given->signal) + " is not a signal",
                    "name one as TERM, SIGTERM or 15");
    return [given, signo = *signo](context& ctx) {
      return send(ctx, given->which, signo);
    };
  };
}

verb::check declare_wait(CLI::App& app) {
  auto which = std::make_shared<target>();
  which->declare(app, target::process_is::required);
  return [which](const program_arguments&) -> result<action> {
    if (auto done = which->check(); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [which](context& ctx) { return wait(ctx, *which); };
  };
}

} // namespace reeve::console
