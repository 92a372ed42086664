// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/tree.hpp"

#include "config/enum_names.hpp"
#include "console/process_state.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

#include <algorithm>

namespace reeve::console {

namespace {

using supervisor::container_details;
using supervisor::process_info;
using supervisor::process_phase;

std::string process_line(const process_info& info, std::int64_t now_ms,
                         const output_style& style) {
  auto state = state_of(info);
  auto text =
      printable(info.process) + "  " + painted(state.text, state.with, style);
  if (info.pid != 0)
    text += "  pid " + std::to_string(info.pid);
  if (info.since_ms != 0 && is_live(info.phase))
    text += "  for " + elapsed(now_ms - info.since_ms);
  text += "  " + std::string{config::to_text(info.restart)};
  if (info.restarts != 0)
    text += "  " + std::to_string(info.restarts)
            + (info.restarts == 1 ? " restart" : " restarts") + " ("
            + std::to_string(info.restarts_in_window) + " in the window)";
  if (info.next_restart_ms != 0 && info.phase == process_phase::backing_off)
    text += "  next " + relative(info.next_restart_ms, now_ms);
  if (info.has_ended && info.phase != process_phase::running)
    text += "  " + to_string(info.last);
  return text;
}

std::string container_line(const container_details& details,
                           const output_style& style) {
  auto phase = name_of(details.info.phase);
  auto text = printable(details.info.container) + "  "
              + painted(phase, paint_of_phase(phase), style);
  if (!details.info.image.empty())
    text += "  " + printable(details.info.image);
  return text;
}

} // namespace

std::string drawn(const supervision_tree& tree, std::int64_t now_ms,
                  const output_style& style) {
  auto out = "reeved " + printable(tree.daemon.version) + "  pid "
             + std::to_string(tree.daemon.pid) + '\n';
  for (std::size_t i = 0; i < tree.containers.size(); ++i) {
    const auto& details = tree.containers[i];
    auto is_last = i + 1 == tree.containers.size();
    out += (is_last ? "└─ " : "├─ ") + container_line(details, style) + '\n';
    auto below = std::vector<std::string>{};
    if (details.info.pid != 0)
      below.push_back("PID 1 (holder)  pid "
                      + std::to_string(details.info.pid));
    if (!details.cgroup.empty())
      below.push_back("cgroup  " + printable(details.cgroup));
    for (const auto& process : details.processes)
      below.push_back(process_line(process, now_ms, style));
    for (std::size_t j = 0; j < below.size(); ++j)
      out += std::string{is_last ? "   " : "│  "}
             + (j + 1 == below.size() ? "└─ " : "├─ ") + below[j] + '\n';
  }
  return out;
}

namespace {

result<int> show(context& ctx, const std::string& name) {
  const auto* what = "cannot draw the tree";
  auto tree = supervision_tree{};
  auto daemon =
      ctx.ask<supervisor::daemon_info>(supervisor::get_daemon{}, what);
  if (!daemon)
    return tl::make_unexpected(std::move(daemon.error()));
  tree.daemon = std::move(*daemon);
  auto names = std::vector<std::string>{};
  if (!name.empty()) {
    names.push_back(name);
  } else {
    auto all = ctx.ask<supervisor::container_list>(
        supervisor::list_containers{"*", {}}, what);
    if (!all)
      return tl::make_unexpected(std::move(all.error()));
    for (const auto& info : all->containers)
      names.push_back(info.container);
    std::sort(names.begin(), names.end());
  }
  for (const auto& each : names) {
    auto details =
        ctx.ask<container_details>(supervisor::get_container{each}, what);
    // It may have been removed since the listing.
    if (!details && name.empty()
        && details.error().is == failure::kind::not_found)
      continue;
    if (!details)
      return tl::make_unexpected(std::move(details.error()));
    tree.containers.push_back(std::move(*details));
  }
  if (ctx.options.json) {
    auto containers = json::array();
    for (const auto& details : tree.containers)
      containers.push_back(json_of(details));
    ctx.out << line_of({{"daemon", json_of(tree.daemon)},
                        {"containers", std::move(containers)}});
  } else {
    ctx.out << drawn(tree, ctx.now_ms, ctx.style);
  }
  return status_ok;
}

} // namespace

verb::check declare_tree(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "only this container");
  return [name](const program_arguments&) -> result<action> {
    if (name->empty())
      return [](context& ctx) { return show(ctx, {}); };
    if (auto done = check_container_name(*name); !done)
      return tl::make_unexpected(std::move(done.error()));
    return [name](context& ctx) { return show(ctx, *name); };
  };
}

} // namespace reeve::console
