// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/key_value.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

#include <algorithm>

namespace reeve::console {

namespace {

result<int> list(context& ctx, const supervisor::list_containers& request) {
  auto answer = ctx.ask<supervisor::container_list>(
      request, "cannot list the containers");
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  auto& all = answer->containers;
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.container < b.container;
  });
  if (ctx.options.json) {
    ctx.out << line_of(json_of(all));
    return status_ok;
  }
  if (ctx.options.quiet) {
    for (const auto& info : all)
      ctx.out << info.container << '\n';
    return status_ok;
  }
  auto rows = table{{"NAME", "STATE", "IMAGE", "PROCESSES", "CREATED"}};
  for (const auto& info : all) {
    auto phase = std::string{name_of(info.phase)};
    rows.add({{info.container},
              {phase, paint_of_phase(phase)},
              {info.image},
              {std::to_string(info.live_processes)},
              {relative(info.created_ms, ctx.now_ms)}});
  }
  ctx.out << rows.text(ctx.style);
  return status_ok;
}

} // namespace

verb::check declare_ls(CLI::App& app) {
  struct options {
    std::string pattern = "*";
    std::vector<std::string> properties;
  };
  auto given = std::make_shared<options>();
  app.add_option("PATTERN", given->pattern,
                 "only names that match; `*` also matches `/`");
  add_repeatable(app, "--prop", given->properties,
                 "only containers with this property, repeatable", "KEY=VALUE");
  return [given](const program_arguments&) -> result<action> {
    auto properties = parse_properties("--prop", given->properties);
    if (!properties)
      return tl::make_unexpected(std::move(properties.error()));
    auto request =
        supervisor::list_containers{given->pattern, std::move(*properties)};
    return [request](context& ctx) { return list(ctx, request); };
  };
}

verb::check declare_image_ls(CLI::App&) {
  return [](const program_arguments&) -> result<action> {
    return [](context& ctx) -> result<int> {
      auto answer = ctx.ask<supervisor::image_list>(supervisor::list_images{},
                                                    "cannot list the images");
      if (!answer)
        return tl::make_unexpected(std::move(answer.error()));
      auto rows = table{{"IMAGE", "PATH"}};
      auto names = std::string{};
      for (const auto& info : answer->images) {
        rows.add({{info.image}, {info.path}});
        names += info.image + '\n';
      }
      if (ctx.options.json)
        ctx.out << line_of(json_of(answer->images));
      else
        ctx.out << (ctx.options.quiet ? names : rows.text(ctx.style));
      return status_ok;
    };
  };
}

} // namespace reeve::console
