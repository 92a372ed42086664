// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/limits.hpp"

#include "config/text.hpp"
#include "config/units.hpp"
#include "console/key_value.hpp"
#include "console/spec_options.hpp"
#include "console/time_text.hpp"
#include "console/verbs.hpp"

#include <set>

namespace reeve::console {

namespace {

using supervisor::limits_in_force;

/// Sizes with their meaning beside the exact value, for people.
std::string value_text(const supervisor::limit_in_force& limit) {
  auto bytes = limit.key.starts_with("memory.")
                   ? config::parse_size(limit.value)
                   : tl::make_unexpected(config::config_error{});
  return bytes && *bytes >= 1024 ? human_size(*bytes) : limit.value;
}

result<int> finish(context& ctx, result<limits_in_force> answer) {
  if (!answer)
    return tl::make_unexpected(std::move(answer.error()));
  auto rows = table{{"KEY", "VALUE", "SOURCE"}};
  for (const auto& limit : answer->limits)
    rows.add({{limit.key}, {value_text(limit)}, {limit.source}});
  ctx.report(answer->limits, rows.text(ctx.style));
  return status_ok;
}

result<void> check_key(const std::string& key) {
  auto unused = config::limits{};
  if (auto done = config::clear_key(unused, key); !done)
    return refuse("", to_string(done.error()));
  return {};
}

/// Each key once, and known, with a value in its range.
result<std::vector<std::pair<std::string, std::string>>>
parse_values(const std::vector<std::string>& texts) {
  auto out = std::vector<std::pair<std::string, std::string>>{};
  auto seen = std::set<std::string>{};
  auto checked = config::limits{};
  for (const auto& text : texts) {
    auto pair = parse_key_value("KEY=VALUE", text);
    if (!pair)
      return tl::make_unexpected(std::move(pair.error()));
    if (!seen.insert(pair->first).second)
      return refuse("KEY=VALUE",
                    config::in_quotes(pair->first) + " is given twice");
    if (auto done = config::set_key(checked, pair->first, pair->second); !done)
      return refuse("", to_string(done.error()));
    out.push_back(std::move(*pair));
  }
  return out;
}

} // namespace

verb::check declare_set(CLI::App& app) {
  struct options {
    std::string name;
    std::vector<std::string> values;
  };
  auto given = std::make_shared<options>();
  app.add_option("NAME", given->name, "name of the container")->required();
  // Newer CLI11 allows no "=" in a name.
  app.add_option("KEY_VALUE", given->values,
                 "KEY=VALUE: a limit, as memory.limit=64M");
  return [given](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(given->name); !done)
      return tl::make_unexpected(std::move(done.error()));
    if (given->values.empty())
      return refuse("KEY=VALUE", "it is missing", "see `reeve set --help`");
    auto values = parse_values(given->values);
    if (!values)
      return tl::make_unexpected(std::move(values.error()));
    auto request = supervisor::set_limits{given->name, std::move(*values)};
    return [request](context& ctx) -> result<int> {
      auto answer =
          ctx.ask<limits_in_force>(request, "cannot set limits of container '"
                                                + request.container + "'");
      // Silence is consent, as with other changes.
      if (answer && !ctx.options.json)
        return status_ok;
      return finish(ctx, std::move(answer));
    };
  };
}

verb::check declare_get(CLI::App& app) {
  auto request = std::make_shared<supervisor::get_limits>();
  app.add_option("NAME", request->container, "name of the container")
      ->required();
  app.add_option("KEY", request->keys, "only these limits");
  return [request](const program_arguments&) -> result<action> {
    if (auto done = check_container_name(request->container); !done)
      return tl::make_unexpected(std::move(done.error()));
    for (const auto& key : request->keys)
      if (auto done = check_key(key); !done)
        return tl::make_unexpected(std::move(done.error()));
    return [request](context& ctx) {
      return finish(ctx, ctx.ask<limits_in_force>(
                             *request, "cannot get limits of container '"
                                           + request->container + "'"));
    };
  };
}

} // namespace reeve::console
