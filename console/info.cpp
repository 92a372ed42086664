// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/titled_line.hpp"
#include "console/verbs.hpp"

namespace reeve::console {

namespace {

using supervisor::container_details;

void print_details(context& ctx, const container_details& details) {
  const auto& info = details.info;
  auto line = [&](std::string_view title, std::string_view text) {
    print_titled(ctx.out, ctx.style, title, text);
  };
  auto phase = std::string{name_of(info.phase)};
  line("name", info.container);
  ctx.out << painted("state", paint::faint, ctx.style) << "       "
          << painted(phase, paint_of_phase(phase), ctx.style) << '\n';
  line("id", info.id);
  line("image", info.image);
  line("created", relative(info.created_ms, ctx.now_ms) + " ("
                      + rfc3339(info.created_ms) + ")");
  line("pid 1", info.pid != 0 ? std::to_string(info.pid) : "-");
  line("uid base", std::to_string(info.uid_base));
  line("cgroup", details.cgroup);
  for (const auto& [key, value] : info.properties)
    line("property", key + "=" + value);
  for (const auto& limit : details.limits)
    line("limit", limit.key + "=" + limit.value);
  for (const auto& process : details.processes)
    line("process",
         process.process + " " + std::string{name_of(process.phase)}
             + (process.pid != 0 ? " pid " + std::to_string(process.pid) : ""));
  for (const auto& problem : info.problems)
    line("problem", problem);
}

result<int> show(context& ctx, const std::string& name) {
  auto answer =
      ctx.ask<container_details>(supervisor::get_container{name},
                                 "cannot tell about container '" + name + "'");
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  if (ctx.options.json)
    ctx.out << line_of(json_of(*answer));
  else
    print_details(ctx, *answer);
  return status_ok;
}

result<int> show_daemon(context& ctx) {
  auto answer = ctx.ask<supervisor::daemon_info>(
      supervisor::get_daemon{}, "cannot tell about the daemon");
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  const auto& info = *answer;
  if (ctx.options.json) {
    ctx.out << line_of(json_of(info));
    return status_ok;
  }
  ctx.out << "version     " << printable(info.version) << '\n'
          << "pid         " << info.pid << '\n'
          << "socket      " << printable(ctx.options.socket) << '\n'
          << "state       " << printable(info.state_dir) << '\n'
          << "run         " << printable(info.run_dir) << '\n'
          << "cgroups     " << printable(info.cgroup_mode) << ", below "
          << printable(info.cgroup) << '\n'
          << "containers  " << info.containers << '\n'
          << "pool        " << info.pool_ready << " of " << info.pool_size
          << " ready, " << info.pool_hits << " hits, " << info.pool_misses
          << " misses\n";
  return status_ok;
}

} // namespace

verb::check declare_info(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "name of the container")->required();
  return [name](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(*name); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [name](context& ctx) { return show(ctx, *name); };
  };
}

verb::check declare_daemon_info(CLI::App&) {
  return [](const program_arguments&) -> result<action> {
    return [](context& ctx) { return show_daemon(ctx); };
  };
}

} // namespace reeve::console
