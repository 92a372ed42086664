// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/run.hpp"

#include "console/follow.hpp"
#include "console/spec_options.hpp"
#include "console/verbs.hpp"

#include <caf/scoped_actor.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace reeve::console {

namespace {

using supervisor::container_created;
using supervisor::container_is;
using supervisor::process_is;
using supervisor::process_started;

/// A generated id of four digits may be taken; so many tries find a free one
/// unless almost all are.
constexpr int id_tries = 16;

std::string what_fails(const run_plan& plan) {
  return "cannot run '" + plan.process.argv.front() + "' in container '"
         + plan.container + "'";
}

/// Our own stdin, stdout and stderr, for a program whose actors are in this
/// process. Input only where it was asked for, as over the daemon.
kernel::result<std::vector<std::shared_ptr<kernel::unique_fd>>>
own_stdio(bool input) {
  auto out = std::vector<std::shared_ptr<kernel::unique_fd>>{};
  for (auto fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    auto lent =
        fd != STDIN_FILENO || input ? ::fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    // Also when ours is closed: the program may count on having all three.
    if (lent < 0)
      lent = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (lent < 0)
      return kernel::last_error("open", "/dev/null");
    out.push_back(
        std::make_shared<kernel::unique_fd>(kernel::unique_fd::adopt(lent)));
  }
  return out;
}

bool lends_stdio(host& at, const run_plan& plan) {
  // A terminal of its own gives the program job control; lending ours would
  // not, since it is not in our session.
  return at.local() != nullptr && !plan.detach
         && plan.process.stdio != config::stdio_mode::tty;
}

result<process_started> start_once(host& at, const run_plan& plan) {
  auto what = what_fails(plan);
  auto request = supervisor::run_process{generated_command(), plan.container,
                                         plan.process, !plan.detach};
  if (!lends_stdio(at, plan))
    return ask<process_started>(at, std::move(request), what);
  request.attached = false; // nothing of it passes through the actors
  auto stdio = own_stdio(plan.process.stdin_open);
  if (!stdio)
    return refuse(what, to_string(stdio.error()));
  auto self = caf::scoped_actor{at.system()};
  auto out = result<process_started>{};
  self->request(*at.local(), request_limit,
                supervisor::run_process_with_stdio{std::move(request),
                                                   std::move(*stdio)})
      .receive([&](process_started& reply) { out = std::move(reply); },
               [&](const caf::error& err) {
                 out = tl::make_unexpected(failure_of(err, what));
               });
  return out;
}

result<process_started> start(host& at, run_plan& plan) {
  for (auto tries = 1;; ++tries) {
    auto out = start_once(at, plan);
    auto taken = !out && out.error().is == failure::kind::name_taken;
    if (!taken || !plan.generated_id || tries == id_tries)
      return out;
    plan.process.id = generated_name("run-");
  }
}

void remove_container(context& ctx, host& at, const std::string& name) {
  auto done = ask<container_is>(at, supervisor::destroy_container{name, true},
                                "cannot remove container '" + name + "'",
                                removal_limit);
  if (!done && done.error().is != failure::kind::not_found)
    ctx.warn({to_string(done.error())});
}

result<void> make_container(context& ctx, host& at, run_plan& plan) {
  auto spec = *plan.own_container;
  if (at.local() != nullptr) {
    spec.on_owner_loss = {config::owner_loss::stop, std::chrono::seconds{1}};
    // We remove it, when we know how it has ended: nobody else holds it back
    // until then, since its output does not pass through the actors.
    spec.auto_stop = config::auto_stop::never;
  }
  for (auto tries = 1;; ++tries) {
    spec.name = plan.container;
    auto made = ask<container_created>(
        at, supervisor::create_container{generated_command(), spec, false},
        "cannot create container '" + plan.container + "'");
    if (made)
      return {};
    // Nobody would ever start a process in it, so it would never end.
    if (made.error().is == failure::kind::interrupted)
      remove_container(ctx, at, plan.container);
    if (made.error().is != failure::kind::name_taken || tries == id_tries)
      return tl::make_unexpected(std::move(made.error()));
    plan.container = generated_name("run-");
  }
}

void stop_process(context& ctx, host& at, const run_plan& plan) {
  auto done = ask<process_is>(
      at, supervisor::stop_process{plan.container, plan.process.id},
      "cannot stop process '" + plan.process.id + "' of container '"
          + plan.container + "'",
      removal_limit);
  if (!done && done.error().is != failure::kind::not_found)
    ctx.warn({to_string(done.error())});
}

void remove_process(context& ctx, host& at, const run_plan& plan) {
  auto done = ask<process_is>(
      at, supervisor::remove_process{plan.container, plan.process.id},
      "cannot remove process '" + plan.process.id + "' of container '"
          + plan.container + "'");
  if (!done && done.error().is != failure::kind::not_found)
    ctx.warn({to_string(done.error())});
}

result<int> stay_with(context& ctx, host& at, run_plan& plan,
                      const signal_gate& signals) {
  auto lent = lends_stdio(at, plan);
  auto what = followed{plan.container, plan.process.id};
  what.terminal = plan.process.stdio == config::stdio_mode::tty;
  what.input = plan.process.stdin_open && !lent;
  what.weak = plan.own_container && plan.own_container->weak;
  what.output = !lent;
  what.may_restart =
      plan.process.restart.type != config::restart_type::temporary;
  auto how = follow(at, what, signals);
  if (!how)
    return tl::make_unexpected(std::move(how.error()));
  // As a shell's pipe would do; one that is to be restarted is no filter.
  auto unread = how->how == farewell::kind::unread && !what.may_restart;
  if (unread && !plan.own_container)
    stop_process(ctx, at, plan);
  auto is_over = unread || how->how == farewell::kind::ended;
  if (is_over && !plan.own_container && (plan.remove || !what.may_restart))
    remove_process(ctx, at, plan);
  if (what.weak && how->how == farewell::kind::detached) // it goes with us
    return how->signal != 0 ? status_signal_base + how->signal : status_ok;
  plan.left_behind = !is_over && at.local() == nullptr;
  return status_of(ctx, *how,
                   "process '" + plan.process.id + "' of container '"
                       + plan.container + "'");
}

result<int> run_in(context& ctx, host& at, run_plan& plan,
                   const signal_gate* signals) {
  auto started = start(at, plan);
  if (!started)
    return tl::make_unexpected(std::move(started.error()));
  if (signals != nullptr)
    return stay_with(ctx, at, plan, *signals);
  ctx.report(*started,
             (plan.own_container ? started->container : started->process)
                 + '\n');
  return status_ok;
}

} // namespace

int status_of(context& ctx, const farewell& how, const std::string& name) {
  using supervisor::exit_kind;
  switch (how.how) {
  case farewell::kind::unread:
    return status_signal_base + SIGPIPE;
  case farewell::kind::detached:
    // By keys: the cursor stands behind what the program wrote last.
    if (!ctx.options.quiet)
      ctx.err << (how.signal == 0 ? "\n" : "") << "reeve: detached; " << name
              << " goes on\n";
    return how.signal != 0 ? status_signal_base + how.signal : status_ok;
  case farewell::kind::ended:
    break;
  }
  auto needs_a_word = how.reason.kind != exit_kind::exited
                      && how.reason.kind != exit_kind::signaled
                      && how.reason.kind != exit_kind::stopped;
  if (needs_a_word)
    ctx.err << "reeve: " << name << ": " << to_string(how.reason) << '\n';
  return how.lost_output ? status_own_error : shell_status(how.reason);
}

result<int> run(context& ctx, run_plan plan) {
  auto what = what_fails(plan);
  auto has_terminal = plan.process.stdio == config::stdio_mode::tty;
  if (has_terminal && !plan.detach) {
    if (plan.process.stdin_open && ::isatty(STDIN_FILENO) != 1)
      return refuse(what, "standard input is not a terminal",
                    "leave out -t, or -i");
    plan.process.tty = size_of_terminal(STDIN_FILENO);
  }
  const signal_gate* signals = nullptr;
  if (!plan.detach) {
    auto taken = ctx.take_signals(what);
    if (!taken)
      return tl::make_unexpected(std::move(taken.error()));
    signals = *taken;
  }
  auto at = plan.own_container && !plan.detach ? ctx.daemon_or_embedded(what)
                                               : ctx.daemon(what);
  if (!at)
    return tl::make_unexpected(std::move(at.error()));
  if (plan.own_container)
    if (auto done = make_container(ctx, **at, plan); !done)
      return tl::make_unexpected(std::move(done.error()));
  auto status = run_in(ctx, **at, plan, signals);
  if (plan.own_container && !plan.detach && !plan.left_behind)
    remove_container(ctx, **at, plan.container);
  ctx.leave(); // while signals are still ours
  return status;
}

// -- options
// -------------------------------------------------------------------

namespace {

struct run_options {
  std::string name;
  process_options process;
  container_options container;
};

result<run_plan> to_plan(const run_options& given,
                         const program_arguments& argv) {
  auto plan = run_plan{};
  auto process = given.process.to_spec(argv);
  if (!process)
    return tl::make_unexpected(std::move(process.error()));
  plan.process = std::move(*process);
  plan.generated_id = !given.process.id.has_value();
  plan.detach = given.process.detach;
  if (plan.process.stdin_open && !given.process.terminal && !plan.detach
      && plan.process.restart.type != config::restart_type::temporary)
    return refuse("-i", "the input would be that of one run only",
                  "leave out --restart, or -i");
  plan.remove = given.process.remove;
  plan.container = given.name;
  if (!given.name.empty()) {
    if (given.container.describes_container())
      return refuse("NAME",
                    "it names a container that exists, so options for "
                    "a new one have no effect",
                    "use `reeve create` first, or leave out NAME");
    if (auto done = check_container_name(given.name); !done)
      return tl::make_unexpected(std::move(done.error()));
    if (plan.remove && plan.detach)
      return refuse("--rm", "it needs the foreground", "leave out -d");
    return plan;
  }
  if (!given.container.describes_container())
    return refuse("NAME", "no container given",
                  "name one, or give --rootfs or --image");
  plan.container = generated_name("run-");
  auto spec = given.container.to_spec(plan.container);
  if (!spec)
    return tl::make_unexpected(std::move(spec.error()));
  if (spec->weak && plan.detach)
    return refuse("-d", "a weak container ends with this command",
                  "leave it out, or --weak");
  // Nobody may be there to remove it: we detach, or are killed.
  plan.process.significant = true;
  spec->auto_stop = config::auto_stop::any_significant;
  spec->remove_on_exit = true;
  plan.own_container = std::move(*spec);
  return plan;
}

verb::check checked(std::shared_ptr<run_options> given) {
  return [given](const program_arguments& argv) -> result<action> {
    auto plan = to_plan(*given, argv);
    if (!plan)
      return tl::make_unexpected(std::move(plan.error()));
    return [plan = std::move(*plan)](context& ctx) { return run(ctx, plan); };
  };
}

} // namespace

verb::check declare_run(CLI::App& app) {
  auto given = std::make_shared<run_options>();
  app.add_option("NAME", given->name, "name of the container");
  given->process.declare(app);
  given->container.declare(app);
  return checked(std::move(given));
}

verb::check declare_exec(CLI::App& app) {
  auto given = std::make_shared<run_options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  given->process.declare(app);
  return checked(std::move(given));
}

} // namespace reeve::console
