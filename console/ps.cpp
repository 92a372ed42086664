// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/enum_names.hpp"
#include "console/process_state.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

void print_table(context& ctx,
                 const std::vector<supervisor::process_info>& all) {
  auto rows = table{{"PROCESS", "PID", "NS PID", "STATE", "RESTART", "RESTARTS",
                     "SINCE", "EXIT"}};
  auto number = [](std::int32_t pid) {
    return pid != 0 ? std::to_string(pid) : std::string{};
  };
  for (const auto& info : all) {
    rows.add({{info.process},
              {number(info.pid)},
              {number(info.ns_pid)},
              state_of(info),
              {std::string{config::to_text(info.restart)}},
              {std::to_string(info.restarts)},
              {relative(info.since_ms, ctx.now_ms)},
              {info.has_ended ? to_string(info.last) : std::string{}}});
  }
  ctx.out << rows.text(ctx.style);
}

result<int> list(context& ctx, const std::string& name, bool ended_too) {
  auto answer = ctx.ask<supervisor::container_details>(
      supervisor::get_container{name},
      "cannot list the processes of container '" + name + "'");
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  auto& all = answer->processes;
  if (!ended_too)
    std::erase_if(all, [](const auto& info) { return !is_live(info.phase); });
  if (ctx.options.json)
    ctx.out << line_of(json_of(all));
  else if (!ctx.options.quiet)
    print_table(ctx, all);
  else
    for (const auto& info : all)
      ctx.out << info.process << '\n';
  return status_ok;
}

} // namespace

verb::check declare_ps(CLI::App& app) {
  struct options {
    std::string name;
    bool all = false;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  app.add_flag("-a,--all", given->all, "ended processes as well");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [given](context& ctx) { return list(ctx, given->name, given->all); };
  };
}

} // namespace reeve::console
