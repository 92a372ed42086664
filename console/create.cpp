// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/container_hold.hpp"
#include "console/spec_options.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

/// A weak one is held until a signal comes.
result<int> create(context& ctx, const supervisor::create_container& request) {
  auto what = "cannot create container '" + request.spec.name + "'";
  const signal_gate* signals = nullptr;
  if (request.spec.weak) {
    auto taken = ctx.take_signals(what);
    if (!taken)
      return tl::make_unexpected(std::move(taken.error()));
    signals = *taken;
  }
  auto at = ctx.daemon(what);
  if (!at)
    return tl::make_unexpected(std::move(at.error()));
  auto answer = ask<supervisor::container_created>(**at, request, what);
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  ctx.report(*answer, answer->container + '\n');
  if (signals == nullptr)
    return status_ok;
  ctx.out.flush(); // who reads it need not wait for our end
  auto status = hold_container(ctx, **at, request.spec.name, *signals);
  ctx.leave(); // while signals are still ours
  return status;
}

} // namespace

verb::check declare_create(CLI::App& app) {
  struct options {
    std::string name;
    container_options container;
    bool durable = false;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  given->container.declare(app);
  app.add_flag("--durable", given->durable,
               "answer only when it would survive a crash of the host");
  return [given](const program_arguments&) -> result<action> {
    auto spec = given->container.to_spec(given->name);
    if (!spec)
      return tl::make_unexpected(std::move(spec.error()));
    auto request = supervisor::create_container{
        generated_command(), std::move(*spec), given->durable};
    return [request](context& ctx) { return create(ctx, request); };
  };
}

} // namespace reeve::console
